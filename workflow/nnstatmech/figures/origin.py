"""Where a figure comes from, as reStructuredText: what the report shows below a figure's caption."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LONGEST_LIST = 8


def origin(frames: "Mapping[str, pd.DataFrame]", drawing: Mapping) -> str:
    """Scale, data, commit, machine, and the parameters of every experiment that a figure was drawn from.

    Parameters
    ----------
    frames
        Experiment to its table, as :func:`nnstatmech.storage.shards.read_frame` reads it.
    drawing
        What the figure was drawn with: ``draw``, ``package``, ``options``, ``scale`` and ``data``.
    """
    shards = [shard for frame in frames.values() for shard in frame.attrs["shards"]]
    options = f" with {assignments(drawing['options'])}" if drawing["options"] else ""
    fields = {
        "Scale": literal(drawing["scale"]),
        "Data": literal(drawing["data"]) + stand_ins(shards),
        "Drawn by": literal(drawn_by(drawing)) + options,
        "Commit": listed(commit(shard) for shard in shards),
        "Computed": computed(shards),
        "Software": listed(software(shard) for shard in shards),
    }
    blocks = ["\n".join(f":{name}: {value}" for name, value in fields.items())]
    blocks += [describe_experiment(name, frame.attrs["shards"]) for name, frame in frames.items()]
    return "\n\n".join(blocks) + "\n"


def drawn_by(drawing: Mapping) -> str:
    """The drawing function: by its module, or by the file of the user's own that it stands in."""
    return drawing["draw"] if ":" in drawing["draw"] else f"{drawing['package']}.figures.{drawing['draw']}"


def describe_experiment(name: str, shards: list[dict]) -> str:
    """The runs of one experiment: what they share, and what differs between them."""
    runs = {shard["run"]: shard["params"] | {"dataset": shard["dataset"]} for shard in shards}
    seeds: dict[str, int] = {}
    for shard in shards:
        seeds[shard["run"]] = seeds.get(shard["run"], 0) + len(shard["seeds"])
    keys = list(dict.fromkeys(key for params in runs.values() for key in params))
    values = {key: distinct(params.get(key) for params in runs.values()) for key in keys}
    shared = {key: found[0] for key, found in values.items() if len(found) == 1 and found[0] is not None}
    swept = {key: found for key, found in values.items() if len(found) > 1}
    counts = " or ".join(str(count) for count in sorted(set(seeds.values())))
    title = f"**{name}**: {plural(len(runs), 'run')} with {counts} realisations"
    lines = [title, f":Fixed: {assignments(shared)}"]
    if swept:
        lines.append(f":Varied: {assignments(swept)}")
    return lines[0] + "\n\n" + "\n".join(lines[1:])


def computed(shards: list[dict]) -> str:
    """When, where and for how long."""
    days = sorted({shard["started"][:10] for shard in shards})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    seconds = sum(shard["seconds"] for shard in shards)
    return f"{when} on {listed(shard['device'] for shard in shards)}, {plural(jobs_of(shards), 'job')}, {seconds:.3g} s"


def jobs_of(shards: list[dict]) -> int:
    """How many jobs computed some runs: each says its job's name; in older tables each had a job of its own."""
    return len({shard["job"] for shard in shards if "job" in shard}) + sum("job" not in shard for shard in shards)


def commit(shard: Mapping) -> str:
    if shard["commit"] is None:
        return "none"
    return shard["commit"] + (" with changes" if shard["modified"] else "")


def software(shard: Mapping) -> str:
    return ", ".join([f"Python {shard['python']}", *(f"{name} {number}" for name, number in shard["versions"].items())])


def stand_ins(shards: list[dict]) -> str:
    names = distinct(shard["dataset_description"] for shard in shards if shard["stand_in"])
    return f" (stand-in: {'; '.join(names)})" if names else ""


def plural(count: int, name: str) -> str:
    return f"{count} {name}" + ("s" if count != 1 else "")


def distinct(values: Iterable) -> list:
    """The different values in the order of their first appearance; they need not be hashable."""
    return list({repr(value): value for value in values}.values())


def listed(values: Iterable[str]) -> str:
    return "; ".join(distinct(values))


def literal(value) -> str:
    return f"``{value}``"


def assignments(values: Mapping) -> str:
    """``name = value`` for each entry, long lists shortened."""
    return ", ".join(literal(f"{name} = {shown(value)}") for name, value in values.items()) or "nothing"


def shown(value) -> str:
    if not isinstance(value, list | tuple):
        return str(value)
    texts = [str(item) for item in value]
    if len(texts) > LONGEST_LIST:
        texts = [*texts[:3], "…", f"{texts[-1]} ({len(value)} values)"]
    return ", ".join(texts)
