"""Results as one zip file that another checkout can check and go on from.

A bundle holds the files of one folder of results, the facts of the data sets that they were computed from, and
``bundle.json``: the digest of every file and, for every experiment, the code that made it, module by module. Unpacked
are only shards that the code at hand would make; joined tables are made again from them, which checks parameters, seeds
and images against the plan.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path, PurePosixPath

from .errors import NamedProblem
from .planning.codehash import ROOT, RUN_SCRIPT, engine_hash, module_hashes
from .storage.provenance import collect
from .storage.shards import runs_of
from .storage.tables import read_table
from .storage.whole_files import whole_file

CONTENTS = "bundle.json"
FORMAT = 1
SUFFIXES = {".parquet", ".tsv", ".png", ".pdf", ".csv", ".rst", ".md", ".html", ".json"}


class NoBundle(NamedProblem):
    """A file or folder that cannot be packed or unpacked; the message says why."""


@dataclass(frozen=True)
class Unpacked:
    """What :func:`unbundle` did.

    Attributes
    ----------
    experiments
        ``family/experiment`` to the number of its shards that count as made by the code at hand.
    others
        ``family/experiment``, left out because other code made it, to how it differs.
    """

    experiments: dict[str, int]
    others: dict[str, str]


def bundle(folder: str | os.PathLike, target: str | os.PathLike | None = None) -> Path:
    """Pack a folder of results.

    Parameters
    ----------
    folder
        ``results/<scale>-<data>``.
    target
        The zip file; by default the folder's name with ``.zip``, in the working directory.

    Returns
    -------
    Path
        The zip file.

    Raises
    ------
    NoBundle
        If the folder holds no shard.
    DamagedTable
        If a table is not whole.
    """
    folder = Path(folder)
    target = Path(target or f"{folder.resolve().name}.zip")
    files = [path for path in sorted(folder.rglob("*")) if is_packed(path.relative_to(folder))]
    experiments = dict(described_experiments(folder))
    if not experiments:
        raise NoBundle(f"{folder} holds no shards; name a folder of results: results/<scale>-<data>")
    datasets = facts_of(folder, {name for entry in experiments.values() for name in entry["datasets"]})
    packed = {f"{folder.resolve().name}/{path.relative_to(folder).as_posix()}": path for path in files}
    packed |= {path.relative_to(folder.parent).as_posix(): path for path in datasets}
    contents = {
        "format": FORMAT,
        "setting": folder.resolve().name,
        "packed": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": {key: value for key, value in collect(ROOT, "").items() if key in ("commit", "modified", "versions")},
        "files": {name: sha256(path) for name, path in packed.items()},
        "experiments": experiments,
    }
    with whole_file(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(CONTENTS, json.dumps(contents, indent=1, sort_keys=True))
        for name, path in packed.items():
            archive.write(path, name)
    return target


def is_packed(path: Path) -> bool:
    """Whether a file of a folder of results is part of them: no log, no report of progress, no half-written file."""
    return path.suffix in SUFFIXES and not any(part.startswith(".") for part in path.parts)


def described_experiments(folder: Path) -> Iterator[tuple[str, dict]]:
    """``family/experiment`` to the code that its shards count as made by and the data sets that they read."""
    for table in sorted({shard.parents[1] for shard in folder.glob("*/*/*/shard-*.parquet")}):
        shards = sorted(table.glob("*/shard-*.parquet"))
        said = [run for shard in shards for run in runs_of(read_table(shard)[1])]
        ways = [{(entry["engine"], entry["code"]) for entry in (one, *one.get("accepted", ()))} for one in said]
        made_by = sorted(set.intersection(*ways))  # nothing where its shards were made by different code
        yield (
            f"{table.parent.name}/{table.name}",
            {
                "shards": len(shards),
                "commits": sorted({str(one["commit"]) for one in said}),
                "datasets": sorted({one["dataset"] for one in said if one["dataset"]}),
                "made_by": [{"engine": engine, "code": code} for engine, code in made_by],
                "modules": modules_of(made_by),
            },
        )


def modules_of(made_by: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The hashes of the modules that made some shards; nothing where these are not the modules at hand."""
    for engine, code in made_by:
        if code == code_at_hand(engine):
            return module_hashes(engine, RUN_SCRIPT)
    return {}


def code_at_hand(engine: str) -> str | None:
    """The hash of the code that would run an engine now; None where it is not here."""
    try:
        return engine_hash(engine)
    except ModuleNotFoundError:
        return None


def facts_of(folder: Path, datasets: set[str]) -> list[Path]:
    """The files of facts of the data sets that a folder of results was computed from."""
    mapping = folder.resolve().name.partition("-")[2]
    paths = (folder.parent / "datasets" / mapping / f"{name}.json" for name in sorted(datasets))
    return [path for path in paths if path.is_file()]


def sha256(path: Path) -> str:
    with path.open("rb") as content:
        return file_digest(content, "sha256").hexdigest()


def unbundle(source: str | os.PathLike, results: str | os.PathLike = "results", *, others: bool = False) -> Unpacked:
    """Unpack the shards that the code at hand would make, after checking every file.

    What is there already is left alone.

    Parameters
    ----------
    source
        A zip file that :func:`bundle` has made.
    results
        The folder that the workflow keeps its results in.
    others
        Whether shards of other code are unpacked, too; the workflow refuses them until they are accepted.

    Raises
    ------
    NoBundle
        If the file is no whole bundle, or a file of the same name and other content is there. Nothing has been
        unpacked then.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            contents = checked_contents(archive)
            wanted = {name: differing(entry) for name, entry in contents["experiments"].items()}
            left = {name: how for name, how in wanted.items() if how}
            taken = {name for name in wanted if others or name not in left}
            names = [name for name in contents["files"] if is_wanted(name, contents["setting"], taken)]
            refuse_others(names, contents["files"], Path(results))
            for name in sorted(names, key=lambda name: not name.startswith("datasets/")):
                unpack(archive, name, Path(results))
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise NoBundle(f"{source} is no whole bundle of results ({error})") from error
    counts = {name: contents["experiments"][name]["shards"] for name in sorted(taken - set(left))}
    return Unpacked(counts, left)


def checked_contents(archive: zipfile.ZipFile) -> dict:
    """What a bundle says of itself, after comparing it with every file."""
    contents = json.loads(archive.read(CONTENTS))
    if contents["format"] != FORMAT:
        raise ValueError(f"it has format {contents['format']}, this release reads {FORMAT}")
    if set(archive.namelist()) != {CONTENTS, *contents["files"]}:
        raise ValueError("it holds other files than it says")
    for name, digest in contents["files"].items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(f"{name} lies outside the results")
        with archive.open(name) as content:
            if file_digest(content, "sha256").hexdigest() != digest:  # type: ignore[arg-type]
                raise ValueError(f"{name} was altered")
    return contents


def differing(entry: dict) -> str:
    """How the code that made an experiment differs from the code at hand; empty where it does not."""
    engines = {one["engine"] for one in entry["made_by"]}
    if not engines:
        return "its shards were not all made by the same code"
    if any(one["code"] == code_at_hand(one["engine"]) for one in entry["made_by"]):
        return ""
    here = {engine for engine in engines if code_at_hand(engine)}
    if not here:
        return f"the engine {', '.join(sorted(engines))} is not here"
    if not entry["modules"]:
        return f"it was packed without the code that made it (commit {', '.join(entry['commits'])})"
    ours = {name: code for engine in here for name, code in module_hashes(engine, RUN_SCRIPT).items()}
    names = sorted(
        name for name in ours.keys() | entry["modules"].keys() if ours.get(name) != entry["modules"].get(name)
    )
    return f"modules that differ: {', '.join(names)}"


def is_wanted(name: str, setting: str, experiments: set[str]) -> bool:
    """Whether a file is unpacked: shards and facts, and no table or picture that can be made from them at once."""
    if name.startswith("datasets/"):
        return True
    parts = PurePosixPath(name).parts
    return len(parts) == 5 and parts[0] == setting and "/".join(parts[1:3]) in experiments


def refuse_others(names: Iterable[str], digests: dict[str, str], results: Path) -> None:
    """Refuse to go on where a file of the same name and other content is there."""
    for name in names:
        path = results / name
        if path.exists() and path.suffix in (".parquet", ".json") and sha256(path) != digests[name]:
            raise NoBundle(f"{path} is there with other content; move it away first")


def unpack(archive: zipfile.ZipFile, name: str, results: Path) -> None:
    """Write one file of a bundle, unless it is there; its date is that of the unpacking, after its data set's."""
    if not (results / name).exists():
        with whole_file(results / name) as part, archive.open(name) as content, part.open("wb") as file:
            shutil.copyfileobj(content, file)
