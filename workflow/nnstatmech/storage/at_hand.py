"""Runs that were computed before: a job takes them as they are, and computes the others.

The runs of one job are in one file. Where a value is added to a sweep, or where runs are divided among jobs in another
way, the new file takes what the files beside it hold.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

import pyarrow as pa

from .provenance import installed_versions
from .shards import differences, rows_of_run, runs_of
from .tables import DamagedTable, read_provenance, read_table


def runs_at_hand(shard: str | PathLike, wanted: Mapping[str, Mapping]) -> dict[str, tuple[pa.Table, dict]]:
    """Rows and provenance of those runs of ``wanted`` that are at hand, made by the same versions of all packages.

    Parameters
    ----------
    shard
        The file to be made. It, if it is there, and the files of the same number of the experiment's other jobs are
        looked through; those that are not whole are passed over.
    wanted
        Id of a run to what it must have been made with, as :func:`.shards.join` compares it.
    """
    shard = Path(shard)
    others = sorted(path for path in shard.parents[1].glob(f"*/{shard.name}") if path != shard)
    found: dict[str, tuple[pa.Table, dict]] = {}
    for path in [shard, *others]:
        try:
            usable = [run for run in valid(runs_of(read_provenance(path)), wanted) if run["run"] not in found]
            rows = read_table(path)[0] if usable else None
        except (FileNotFoundError, DamagedTable):
            continue
        if rows is not None:
            found |= {run["run"]: (rows_of_run(rows, run["run"]), run) for run in usable}
    return found


def valid(runs: Sequence[dict], wanted: Mapping[str, Mapping]) -> list[dict]:
    """Those of the runs of a shard that are as they are wanted."""
    versions = installed_versions()
    return [
        run
        for run in runs
        if run["run"] in wanted and run["versions"] == versions and not differences(run, wanted[run["run"]])
    ]
