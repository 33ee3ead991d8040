"""Accept shards that other code has made: for edits that are known to change no number.

``snakemake --touch`` changes Snakemake's own records only; the join compares the hash of the code inside each shard.
:func:`accept` records the new hash, the commit and the date beside the old in every shard of an experiment, in its
table, and in Snakemake's records, so that nothing is planned again.
"""

import argparse
import base64
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ..errors import NamedProblem
from .provenance import git
from .shards import runs_of
from .tables import DamagedTable, read_table, write_table
from .whole_files import whole_file

RECORDS = Path(".snakemake/metadata")
RECORDS_OF_ANOTHER_KIND = Path(".snakemake/metadata.db")


class NotAcceptable(NamedProblem):
    """A table that has nothing to accept; the message says why."""


def accept(table: str | os.PathLike, made_by: Mapping[str, str], root: str | os.PathLike = ".") -> int:
    """Let the shards of ``table`` count as made by ``made_by``.

    Dates of files stay as they are. A call that is killed can be repeated: what is recorded already is left alone.

    Parameters
    ----------
    table
        ``results/<setting>/<family>/<experiment>.parquet``, which need not be there; its shards are in the folder of
        the same name.
    made_by
        ``engine`` and ``code`` as the plan asks for them now.
    root
        The folder that the workflow runs in, which its paths are relative to.

    Returns
    -------
    int
        Number of shards.

    Raises
    ------
    NotAcceptable
        If there are no shards, or Snakemake keeps its records in a way that is not understood.
    DamagedTable
        If a shard is not whole, or of another release. Nothing has been recorded then.
    """
    root, table = Path(root).absolute(), Path(table).absolute()
    shards = sorted(table.with_suffix("").glob("*/shard-*.parquet"))
    if not shards:
        raise NotAcceptable(f"{table} has no shards; name a table below results, <family>/<experiment>.parquet")
    if (root / RECORDS_OF_ANOTHER_KIND).exists():
        raise NotAcceptable(
            "Snakemake's records are in a database (--persistence-backend db), which accept cannot change"
        )
    news = dict(made_by) | {
        "commit": git(root, "rev-parse", "HEAD") or None,
        "modified": bool(git(root, "status", "--porcelain", "--untracked-files=no")),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    contents = [read_table(shard) for shard in shards]
    runs = [runs_of(said) for _, said in contents]
    former = {key: {value for run in flat(runs) for value in values_of(run, key)} for key in made_by}
    accepted = [[with_acceptance(run, news) for run in shard] for shard in runs]
    for shard, (rows, said), before, after in zip(shards, contents, runs, accepted, strict=True):
        if after != before:
            keeping_its_dates(shard, rows, {"shards": after} if "shards" in said else after[0])
    update_table(table, flat(accepted))
    update_records(root, [*shards, table], former, made_by)
    return len(shards)


def flat(runs: Iterable[list[dict]]) -> list[dict]:
    return [run for shard in runs for run in shard]


def values_of(said: Mapping, key: str) -> set[str]:
    """What a run of a shard was made by, and has been accepted for."""
    return {said[key], *(entry[key] for entry in said.get("accepted", ()))}


def with_acceptance(said: dict, news: Mapping) -> dict:
    """The provenance of a run with ``news`` added, or itself where the newest entry says so already."""
    newest = (said, *said.get("accepted", ()))[-1]
    if all(newest[key] == news[key] for key in ("engine", "code")):
        return said
    return said | {"accepted": [*said.get("accepted", ()), dict(news)]}


def keeping_its_dates(path: Path, rows, metadata: dict) -> None:
    """Write a table again with other provenance, but as old as it was: what was made from it is no older."""
    before = path.stat()
    write_table(rows, path, metadata)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def update_table(path: Path, shards: Iterable[dict]) -> None:
    """Give a joined table the new provenance of its runs; one that is not there or not whole is left to the join."""
    try:
        rows, said = read_table(path)
    except (FileNotFoundError, DamagedTable):
        return
    by_place = {(shard["run"], tuple(shard["seeds"])): shard for shard in shards}
    news = [by_place.get((shard["run"], tuple(shard["seeds"])), shard) for shard in said["shards"]]
    if news != said["shards"]:
        keeping_its_dates(path, rows, said | {"shards": news})


def update_records(
    root: Path, files: Iterable[Path], former: Mapping[str, set[str]], made_by: Mapping[str, str]
) -> None:
    """Put the new engine and code into Snakemake's records of ``files``, and new checksums wherever these are read.

    Snakemake keeps a JSON file a product, with the ``repr`` of every parameter of its rule and the checksums of small
    inputs. A product without a record is never planned because of its parameters, so that nothing has to be added.
    """
    paths = {str(file.relative_to(root)): file for file in files if file.is_relative_to(root) and file.exists()}
    own = {record_of(root, path) for path in paths}
    sums = {path: checksum(file) for path, file in paths.items()}
    for file in [file for file in (root / RECORDS).rglob("*") if file.is_file()]:
        record = json.loads(file.read_text())
        changed = dict(record)
        if file in own and record.get("params"):
            changed["params"] = sorted(renewed(text, former, made_by) for text in record["params"])
        if read := record.get("input_checksums"):
            changed["input_checksums"] = {path: sums.get(path, known) for path, known in read.items()}
        if changed != record:
            mode = file.stat().st_mode
            with whole_file(file) as part:
                part.write_text(json.dumps(changed))
            file.chmod(mode)


def record_of(root: Path, path: str) -> Path:
    """Where Snakemake keeps what it remembers of ``path``: its name in base 64, cut where file names end."""
    name = base64.urlsafe_b64encode(path.encode()).decode()
    length = os.pathconf(root, "PC_NAME_MAX") - 1
    *folders, last = [name[start : start + length] for start in range(0, len(name), length)]
    return (root / RECORDS).joinpath(*(f"@{folder}" for folder in folders), last)


def checksum(file: Path) -> str:
    with file.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"


def renewed(text: str, former: Mapping[str, set[str]], made_by: Mapping[str, str]) -> str:
    """A parameter's ``repr`` with every former engine and code replaced."""
    for key, values in former.items():
        for value in values:
            text = text.replace(repr(value), repr(made_by[key]))
    return text


def accept_code_at_hand(table: Path, engine: str = "") -> str:
    """Let the shards of ``table`` count as made by the code as it is here; says what was done.

    Parameters
    ----------
    engine
        The module that makes them now, where it has another name than before.

    Raises
    ------
    NotAcceptable, DamagedTable
        As :func:`accept`; or if that code is not here.
    """
    # Here, because planning is no part of storage: only the command has to know what the plan asks for.
    from ..planning.codehash import engine_hash

    shards = sorted(table.with_suffix("").glob("*/shard-*.parquet"))
    engine = engine or (runs_of(read_table(shards[0])[1])[0]["engine"] if shards else "")
    try:
        code = engine_hash(engine) if shards else ""
    except ModuleNotFoundError as error:
        raise NotAcceptable(f"{error}; name the module that makes these shards now with --engine") from error
    count = accept(table, {"engine": engine, "code": code})
    return f"{table}: {count} shards count as made by code {code} ({engine})"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m nnstatmech.storage.accept",
        description="Let the shards of an experiment count as made by the code as it is now.",
    )
    parser.add_argument("table", type=Path, help="results/<setting>/<family>/<experiment>.parquet")
    parser.add_argument("--engine", default="", help="the module that makes them now, if it is called otherwise")
    given = parser.parse_args(arguments)
    try:
        print(accept_code_at_hand(given.table, given.engine))
    except NamedProblem as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
