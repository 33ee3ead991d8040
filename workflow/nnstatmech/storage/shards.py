"""Shards of an experiment: labelling them, joining them, reading the joined table as a DataFrame."""

from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa

from ..errors import NamedProblem
from .tables import read_table

IDENTITY = ("params", "dataset", "seeds")


class StrangeShard(NamedProblem):
    """A shard that was made with other parameters or seeds than the plan asks for."""


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


def differences(found: dict, wanted: dict) -> str:
    """The entries in which a shard differs from the plan, as ``width: 64, the plan says 128``."""
    lines = []
    for key in IDENTITY:
        if key == "params":
            keys = sorted(set(found["params"]) | set(wanted["params"]))
            lines += [
                f"{name}: {found['params'].get(name)!r}, the plan says {wanted['params'].get(name)!r}"
                for name in keys
                if found["params"].get(name) != wanted["params"].get(name)
            ]
        elif found[key] != wanted[key]:
            lines.append(f"{key}: {found[key]!r}, the plan says {wanted[key]!r}")
    return "; ".join(lines)


def join(paths: Sequence[str], contents: Mapping[str, dict]) -> tuple[pa.Table, list[dict]]:
    """Concatenate shards after checking each against the plan.

    Parameters
    ----------
    paths
        One file for each entry of ``contents``, in the same order.
    contents
        ``run/shard`` to the parameters, data set and seeds that the shard must have been made with.

    Raises
    ------
    DamagedTable
        If a file is not whole.
    StrangeShard
        If a shard was made with other parameters, data or seeds, or lacks rows of one of its seeds.
    """
    tables, provenance = [], []
    for path, wanted in zip(paths, contents.values(), strict=True):
        table, metadata = read_table(path)
        if difference := differences(metadata, wanted):
            raise StrangeShard(
                f"{path} was made with {difference}; make it again: rm '{path}', then snakemake '{path}'"
            )
        require_seeds(table, wanted["seeds"], path)
        tables.append(table)
        provenance.append(metadata)
    # Axes that mix integers and decimal numbers are integers in some shards and decimals in others.
    return pa.concat_tables(tables, promote_options="permissive").unify_dictionaries().combine_chunks(), provenance


def require_seeds(table: pa.Table, seeds: Sequence[int], path: str) -> None:
    """Refuse a table with no rows, or with rows of a seed that it should not have."""
    if table.num_rows == 0:
        raise StrangeShard(f"{path} has no rows; make it again: rm '{path}', then snakemake '{path}'")
    found = set(table["seed"].drop_null().unique().to_pylist())
    if found and found != set(seeds):
        raise StrangeShard(f"{path} has rows of the seeds {sorted(found)}, the plan says {list(seeds)}")


def read_frame(path: str) -> pd.DataFrame:
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
