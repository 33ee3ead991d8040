"""Shards of an experiment: labelling them, joining them, reading the joined table as a DataFrame."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import NamedProblem
from .tables import read_table

if TYPE_CHECKING:  # a join needs no pandas
    import pandas as pd

IDENTITY = ("params", "dataset", "seeds", "dataset_digest", "files", "engine", "code")
ACCEPTABLE = {"engine", "code"}  # what a person may know to make no difference, and :mod:`.accept` records


class StrangeShard(NamedProblem):
    """A shard that was made with other parameters, seeds, images or code than the plan asks for."""


def runs_of(metadata: Mapping) -> list[dict]:
    """The provenance of every run in a shard or in a joined table; a shard may say that of its only run alone."""
    return metadata["shards"] if "shards" in metadata else [dict(metadata)]


def label_column(value, rows: int) -> pa.Array:
    """A column that says ``value`` in every row: numbers as numbers, all else as categories."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    return pa.array([float(value)] * rows) if isinstance(value, float) else pa.array([value] * rows)


def prepend(table: pa.Table, labels: Mapping[str, object]) -> pa.Table:
    """``table`` with one constant column for each label in front.

    Raises
    ------
    ValueError
        If a label has the name of one of the engine's columns.
    """
    if taken := set(labels) & set(table.column_names):
        raise ValueError(f"the axis {', '.join(sorted(taken))} has the name of a column of the engine's table")
    columns = [label_column(value, table.num_rows) for value in labels.values()]
    return pa.Table.from_arrays([*columns, *table.columns], names=[*labels, *table.column_names])


def differences(found: Mapping, wanted: Mapping) -> dict[str, str]:
    """The entries in which a shard differs from what is wanted of it, as ``width: 64, the plan says 128``."""
    lines = {}
    for key in IDENTITY:
        if key not in wanted:
            continue
        if key == "params":
            lines |= {
                name: f"{name}: {found['params'].get(name)!r}, the plan says {wanted['params'].get(name)!r}"
                for name in sorted(set(found["params"]) | set(wanted["params"]))
                if found["params"].get(name) != wanted["params"].get(name)
            }
        elif wanted[key] not in (found.get(key), *(accepted.get(key) for accepted in found.get("accepted", ()))):
            lines[key] = f"{key}: {found.get(key)!r}, the plan says {wanted[key]!r}"
    return lines


def mend(path: str, lines: Mapping[str, str]) -> str:
    """How a shard that differs becomes the one that is wanted."""
    again = f"make it again: rm '{path}', then snakemake '{path}'"
    if set(lines) <= ACCEPTABLE:
        table = f"{Path(path).parents[1]}.parquet"
        again += f"; or, if that changes no number, python -m nnstatmech.storage.accept '{table}'"
    return again


def join(paths: Sequence[str], contents: Mapping[str, Mapping[str, dict]]) -> tuple[pa.Table, list[dict]]:
    """Concatenate shards after checking each against the plan.

    Parameters
    ----------
    paths
        One file for each entry of ``contents``, in the same order.
    contents
        ``batch/shard`` to the runs in it, and what each must have been made with: any of ``params``, ``dataset`` (its
        name), ``seeds``, ``dataset_digest``, ``files`` (other files to their digests), ``engine`` and ``code``.

    Returns
    -------
    tuple
        The table, and the provenance of every run in every shard.

    Raises
    ------
    DamagedTable
        If a file is not whole.
    StrangeShard
        If a shard holds other runs, was made with other parameters, data, seeds or code, lacks rows of one of its
        seeds, or has rows that are there already.
    """
    tables, provenance = [], []
    for path, wanted in zip(paths, contents.values(), strict=True):
        table, metadata = read_table(path)
        runs = runs_of(metadata)
        require_runs(path, runs, wanted)
        for run in runs:
            require_seeds(rows_of_run(table, run["run"]), run["seeds"], path)
        require_distinct_rows(table, path)
        tables.append(table)
        provenance += runs
    exact = [table.filter(pc.is_null(table["seed"])) for table in tables]
    require_agreement(pa.concat_tables(exact, promote_options="permissive"))
    return concatenated(tables), provenance


def concatenated(tables: Sequence[pa.Table]) -> pa.Table:
    """One table of several; axes that mix integers and decimal numbers are integers in some and decimals in others."""
    return pa.concat_tables(tables, promote_options="permissive").unify_dictionaries().combine_chunks()


def rows_of_run(table: pa.Table, run: str) -> pa.Table:
    """The rows of one run of a shard."""
    return table.filter(pc.equal(table["run"], run))


def require_runs(path: str, runs: Sequence[dict], wanted: Mapping[str, dict]) -> None:
    """Refuse a shard that holds other runs than the plan says, or one that was made otherwise."""
    found = [run["run"] for run in runs]
    if sorted(found) != sorted(wanted):
        raise StrangeShard(
            f"{path} holds the runs {', '.join(found)}, the plan says {', '.join(wanted)}; {mend(path, {'runs': ''})}"
        )
    for run in runs:
        if lines := differences(run, wanted[run["run"]]):
            name = f"the run {run['run']} of {path}" if len(runs) > 1 else path
            raise StrangeShard(f"{name} was made with {'; '.join(lines.values())}; {mend(path, lines)}")


def require_distinct_rows(table: pa.Table, path: str) -> None:
    """Refuse a table in which two rows differ in nothing but their value: one is given twice, or lacks its place."""
    keys = [field.name for field in table.schema if field.name != "value" and not pa.types.is_list(field.type)]
    # Parts of a table that an engine concatenated have dictionaries of their own, which grouping does not compare.
    counts = table.unify_dictionaries().group_by(keys).aggregate([([], "count_all")])
    if counts.num_rows < table.num_rows:
        first = counts.filter(pc.greater(counts["count_all"], 1)).slice(0, 1).to_pylist()[0]
        place = ", ".join(f"{key} {value}" for key, value in first.items() if value is not None and key != "count_all")
        raise StrangeShard(
            f"{path} has {first['count_all']} rows of {place}; rm '{path}', then snakemake '{path}', and if that gives "
            "the same, the engine is at fault"
        )


def require_agreement(exact: pa.Table) -> None:
    """Refuse rows without a seed, which say the same in every shard of a run, that say different things.

    Pictures and other lists are not compared.
    """
    if "value" not in exact.column_names or exact.num_rows == 0:
        return
    keys = [field.name for field in exact.schema if field.name != "value" and not pa.types.is_list(field.type)]
    spread = exact.unify_dictionaries().group_by(keys).aggregate([("value", "min"), ("value", "max")])
    unequal = spread.filter(pc.not_equal(spread["value_min"], spread["value_max"]))
    if unequal.num_rows:
        first = unequal.slice(0, 1).to_pylist()[0]
        place = ", ".join(f"{key} {value}" for key, value in first.items() if value is not None and key in keys)
        raise StrangeShard(
            f"shards of one run disagree about {place}, which does not depend on the seed: {first['value_min']} and "
            f"{first['value_max']}; make the run again"
        )


def require_seeds(table: pa.Table, seeds: Sequence[int], path: str) -> None:
    """Refuse a table with no rows, or with rows of a seed that it should not have."""
    if table.num_rows == 0:
        raise StrangeShard(f"{path} has no rows; make it again: rm '{path}', then snakemake '{path}'")
    found = set(table["seed"].drop_null().unique().to_pylist())
    if found and found != set(seeds):
        raise StrangeShard(f"{path} has rows of the seeds {sorted(found)}, the plan says {list(seeds)}")


def read_frame(path: str) -> "pd.DataFrame":
    """A joined table as a DataFrame.

    ``attrs["runs"]`` maps each run to its parameters (and ``dataset``), ``attrs["shards"]`` is the
    provenance of every shard.
    """
    table, metadata = read_table(path)
    frame = table.to_pandas()
    frame.attrs["runs"] = {
        shard["run"]: shard["params"] | {"dataset": shard["dataset"]} for shard in metadata["shards"]
    }
    frame.attrs["shards"] = metadata["shards"]
    return frame
