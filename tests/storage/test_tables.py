"""Tables are whole or absent, and every altered byte is seen."""

import os
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from nnstatmech.storage import tables
from nnstatmech.storage.tables import (
    CATEGORY,
    DamagedTable,
    OtherFormat,
    read_table,
    require_finite,
    tidy,
    write_table,
)
from nnstatmech.storage.whole_files import whole_file

SCHEMA = pa.schema(
    [
        ("seed", pa.int32()),
        ("depth", pa.int32()),
        ("quantity", CATEGORY),
        ("value", pa.float64()),
        ("image", pa.list_(pa.float32())),
    ]
)


@pytest.fixture
def table():
    value = np.random.default_rng(0).normal(size=(40, 50))
    return tidy(SCHEMA, seed=np.arange(40)[:, None], depth=np.arange(50), quantity="chi", value=value)


def test_tidy_broadcasts_and_leaves_absent_columns_null(table):
    assert table.schema == SCHEMA
    assert table.num_rows == 2000
    row = table.slice(3 * 50 + 7, 1).to_pylist()[0]
    assert (row["seed"], row["depth"], row["quantity"], row["image"]) == (3, 7, "chi", None)


def test_tidy_takes_list_columns_whole():
    table = tidy(SCHEMA, seed=[0, 1], value=[1.0, 2.0], image=[[1.0, 2.0], [3.0]])
    assert table["image"].to_pylist() == [[1.0, 2.0], [3.0]]


def test_tidy_refuses_unknown_columns():
    with pytest.raises(ValueError, match="no such column: epoch; the table has seed, depth"):
        tidy(SCHEMA, epoch=1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="'value' has 1 values that are not finite"):
        require_finite(tidy(SCHEMA, seed=[0, 1], value=[bad, 1.0]), "experiment/run")


def test_null_is_no_number_and_is_allowed():
    require_finite(tidy(SCHEMA, seed=[0, 1]), "experiment/run")


def test_what_is_written_is_read(table, tmp_path):
    write_table(table, tmp_path / "deep/down/t.parquet", {"seeds": [1, 2]})
    found, metadata = read_table(tmp_path / "deep/down/t.parquet")
    assert found.equals(table)
    assert metadata == {"seeds": [1, 2]}


def test_a_failed_write_leaves_nothing_and_keeps_the_old_table(table, tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    write_table(table, path, {"version": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_table(table, path, {"version": 2})
    assert os.listdir(tmp_path) == ["t.parquet"]
    assert read_table(path)[1] == {"version": 1}


def test_leftovers_of_killed_attempts_are_removed(table, tmp_path):
    (tmp_path / ".t.parquet.abc.part").write_bytes(b"half")
    (tmp_path / ".other.parquet.abc.part").write_bytes(b"half")
    write_table(table, tmp_path / "t.parquet", {})
    assert sorted(os.listdir(tmp_path)) == [".other.parquet.abc.part", "t.parquet"]


def test_processes_that_write_the_same_table_leave_each_other_alone(table, tmp_path):
    with whole_file(tmp_path / "t.parquet") as part:
        write_table(table, tmp_path / "t.parquet", {"writer": 2})
        part.write_bytes((tmp_path / "t.parquet").read_bytes())
    assert os.listdir(tmp_path) == ["t.parquet"]
    assert read_table(tmp_path / "t.parquet")[1] == {"writer": 2}


def test_truncated_tables_are_named_with_the_mend(table, tmp_path):
    path = tmp_path / "t.parquet"
    write_table(table, path, {})
    whole = path.read_bytes()
    for size in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DamagedTable, match=f"{re.escape(str(path))} is no whole table.*make it again: rm"):
            read_table(path)


def test_every_flipped_bit_is_seen_or_harmless(table, tmp_path):
    path = tmp_path / "t.parquet"
    write_table(table, path, {"seeds": [0]})
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(300):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        try:
            found, metadata = read_table(path)
        except DamagedTable:
            seen += 1
            continue
        assert found.equals(table)
        assert metadata == {"seeds": [0]}
    assert seen > 250


def test_a_table_of_someone_else_is_refused(table, tmp_path):
    tables.pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DamagedTable):
        read_table(tmp_path / "t.parquet")


def test_a_missing_table_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "t.parquet")


def other_program(path, change):
    """What a program does that reads a table, changes it and writes it back with all its metadata."""
    table = tables.pq.read_table(path)
    tables.pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path, write_page_checksum=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.set_column(3, "value", pc.multiply(table["value"], 2.0)),
        lambda table: table.set_column(3, "value", pc.if_else(pc.equal(table["depth"], 7), 0.0, table["value"])),
        lambda table: table.filter(pc.not_equal(table["depth"], 7)),
        lambda table: pa.concat_tables([table, table.slice(0, 1)]),
        lambda table: pa.concat_tables([table.slice(1), table.slice(0, 1)]),
    ],
)
def test_what_another_program_changed_is_refused(table, tmp_path, change):
    """Also where the number of rows, the names and the provenance are as before."""
    path = tmp_path / "t.parquet"
    write_table(table, path, {"seeds": [0]})
    other_program(path, lambda table: table)
    assert read_table(path)[0].equals(table)
    other_program(path, change)
    with pytest.raises(DamagedTable, match=r"altered after it was written\); make it again: rm"):
        read_table(path)


@pytest.mark.parametrize(
    ("version", "release"), [(None, "format 1, written by an older"), (b"99", "format 99, written by a newer")]
)
def test_tables_of_another_release_are_refused_with_their_version(table, tmp_path, version, release):
    path = tmp_path / "t.parquet"
    write_table(table, path, {"seeds": [0]})
    stored = tables.pq.read_table(path)
    keys = {key: value for key, value in stored.schema.metadata.items() if key != tables.FORMAT_KEY}
    keys |= {tables.FORMAT_KEY: version} if version else {}
    tables.pq.write_table(stored.replace_schema_metadata(keys), path)
    with pytest.raises(OtherFormat, match=f"is a table of {release} release; this one reads format 2: use that"):
        read_table(path)
