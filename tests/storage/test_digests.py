"""A digest of values: equal for equal tables, different for any other."""

import numpy as np
import pyarrow as pa
import pytest

from nnstatmech.storage.digests import values_digest
from nnstatmech.storage.tables import CATEGORY, tidy

COLUMNS = {
    "seed": "int32",
    "quantity": "category",
    "name": "string",
    "dead": "bool",
    "value": "float64",
    "pixels": "list<float32>",
}


@pytest.fixture
def table():
    return tidy(
        COLUMNS,
        seed=[0, 0, 1, 1],
        quantity=["chi", "r", "chi", "r"],
        name=["a", "b", "bc", "d"],
        dead=[True, False, False, True],
        value=[1.0, None, 3.0, 4.0],
        pixels=[[1.0], [2.0, 3.0], None, []],
    )


def test_storage_does_not_count(table, tmp_path):
    """Chunks, the order of a dictionary, words that do not occur, and a way through a file."""
    digest = values_digest(table)
    assert values_digest(pa.concat_tables([table.slice(0, 1), table.slice(1, 2), table.slice(3)])) == digest
    other = pa.DictionaryArray.from_arrays(pa.array([2, 1, 2, 1], pa.int32()), pa.array(["unused", "r", "chi"]))
    assert values_digest(table.set_column(1, "quantity", other)) == digest
    pa.parquet.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    assert values_digest(pa.parquet.read_table(tmp_path / "t.parquet")) == digest


def replaced(table, name, values):
    at = table.column_names.index(name)
    column = pa.array(values, table.schema.field(name).type if name != "quantity" else pa.string())
    return table.set_column(at, name, column.dictionary_encode().cast(CATEGORY) if name == "quantity" else column)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: replaced(table, "value", [1.0, None, 3.0, np.nextafter(4.0, 5)]),
        lambda table: replaced(table, "value", [1.0, 0.0, 3.0, 4.0]),
        lambda table: replaced(table, "value", [None, 1.0, 3.0, 4.0]),
        lambda table: replaced(table, "quantity", ["r", "chi", "r", "chi"]),
        lambda table: replaced(table, "quantity", ["chi", "s", "chi", "s"]),
        lambda table: replaced(table, "name", ["ab", "b", "c", "d"]),
        lambda table: replaced(table, "dead", [True, True, False, True]),
        lambda table: replaced(table, "pixels", [[1.0, 2.0], [3.0], None, []]),
        lambda table: replaced(table, "pixels", [[1.0], [2.0, 3.0], [], None]),
        lambda table: table.slice(0, 3),
        lambda table: pa.concat_tables([table, table]),
        lambda table: table.take([1, 0, 2, 3]),
        lambda table: table.drop_columns("pixels"),
        lambda table: table.rename_columns(["sed", *table.column_names[1:]]),
        lambda table: table.set_column(0, "seed", table["seed"].cast(pa.int64())),
        lambda table: table.select(table.column_names[::-1]),
    ],
)
def test_everything_else_counts(table, change):
    assert values_digest(change(table)) != values_digest(table)


def test_a_table_may_be_empty(table):
    assert values_digest(table.slice(0, 0)) != values_digest(table)
