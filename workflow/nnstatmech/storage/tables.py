"""Tidy parquet tables that are whole or absent, checked page by page, with their provenance inside."""

import hashlib
import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import NamedProblem
from .digests import values_digest
from .whole_files import whole_file

METADATA_KEY = b"nnstatmech"
CHECKSUM_KEY = b"nnstatmech.sha256"
FORMAT_KEY = b"nnstatmech.format"
# Of what a table's columns and provenance mean; counted up where an older or newer release would misread it.
FORMAT = 2


class DamagedTable(NamedProblem):
    """A file that is not the whole table that it should be; the message says how to mend it."""


class OtherFormat(DamagedTable):
    """A table of another release, which this one would misread."""


CATEGORY = pa.dictionary(pa.int32(), pa.string())


def schema_of(columns: pa.Schema | Mapping[str, str]) -> pa.Schema:
    """The schema of a table from the names of its columns and their types, as parameters declare them.

    A schema is given back as it is.

    Types are pyarrow's names (``int32``, ``float64``, ...), ``category`` for dictionary-encoded text, and
    ``list<float32>`` for a list of a type.
    """
    if isinstance(columns, pa.Schema):
        return columns
    return pa.schema([(name, type_of(kind)) for name, kind in columns.items()])


def type_of(kind: str) -> pa.DataType:
    if kind == "category":
        return CATEGORY
    if kind.startswith("list<"):
        return pa.list_(type_of(kind.removeprefix("list<").removesuffix(">")))
    return pa.type_for_alias(kind)


def tidy(schema: pa.Schema | Mapping[str, str], **columns) -> pa.Table:
    """A long table from arrays that broadcast against each other.

    ``tidy(schema, seed=seeds[:, None], depth=depths, quantity="chi", value=chi)`` with ``chi`` of shape
    (seeds, depths) gives one row per element of ``chi``. Columns of ``schema`` that are not given are null.

    Parameters
    ----------
    schema
        The engine's columns: a schema, or names and types as :func:`schema_of` takes them.
    columns
        Scalars or arrays; those of a list column are sequences with one list per row, given whole.

    Raises
    ------
    ValueError
        If a column is not in the schema or the shapes do not broadcast.
    """
    wanted = schema_of(schema)
    unknown = set(columns) - set(wanted.names)
    if unknown:
        raise ValueError(f"no such column: {', '.join(sorted(unknown))}; the table has {', '.join(wanted.names)}")
    lists = {name for name in columns if pa.types.is_list(wanted.field(name).type)}
    arrays = {name: np.asarray(value) for name, value in columns.items() if name not in lists}
    shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    rows = int(np.prod(shape))
    parts = []
    for field in wanted:
        if field.name in lists:
            parts.append(pa.array(list(columns[field.name]), field.type))
        elif field.name in arrays:
            flat = np.broadcast_to(arrays[field.name], shape).ravel()
            if field.type == CATEGORY:
                parts.append(pa.array(flat.astype(object), pa.string()).dictionary_encode().cast(CATEGORY))
            else:
                parts.append(pa.array(flat).cast(field.type))
        else:
            parts.append(pa.nulls(rows, field.type))
    return pa.Table.from_arrays(parts, schema=wanted)


def require_finite(table: pa.Table, name: str) -> None:
    """Refuse NaN and infinities: an engine records divergence as an outcome of its own, never as a number."""
    for field in table.schema:
        if pa.types.is_floating(field.type):
            bad = pc.sum(pc.invert(pc.is_finite(table[field.name]))).as_py() or 0
            if bad:
                raise ValueError(f"{name}: column {field.name!r} has {bad} values that are not finite")


def write_table(table: pa.Table, path, metadata: dict) -> None:
    """Write ``table`` with its provenance; no reader ever sees half a file.

    The file has page checksums and is read back with verification before it takes its place.
    """
    table = table.replace_schema_metadata(None)
    text = json.dumps(metadata, sort_keys=True, allow_nan=False).encode()
    table = table.replace_schema_metadata(
        {METADATA_KEY: text, FORMAT_KEY: str(FORMAT).encode(), CHECKSUM_KEY: checksum_of(table, text)}
    )
    with whole_file(path) as part:
        pq.write_table(table, part, compression="zstd", write_page_checksum=True)
        if read_table(part)[0].num_rows != table.num_rows:
            raise DamagedTable(f"{path}: {table.num_rows} rows were written, fewer could be read back")


def checksum_of(table: pa.Table, text: bytes) -> bytes:
    """Hash of the provenance and of every name and value.

    The checksums of pages show damage, but hold for what another program has written, too.
    """
    return hashlib.sha256(text + values_digest(table).encode()).hexdigest().encode()


def read_provenance(path) -> dict:
    """The provenance of a table of this format, without reading its rows or checking that it is whole.

    Raises
    ------
    DamagedTable
        If it has none, or is of another format.
    """
    try:
        metadata = pq.read_schema(path).metadata
        if int(metadata[FORMAT_KEY]) != FORMAT:
            raise ValueError("it is of another format")
        return json.loads(metadata[METADATA_KEY])
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DamagedTable(f"{path} has no provenance of this release ({error})") from error


def read_table(path) -> tuple[pa.Table, dict]:
    """The table at ``path`` as it was written, every page and every value verified, and its provenance.

    Raises
    ------
    DamagedTable
        If the file is truncated, altered, by another program too, or was not written by :func:`write_table`.
    OtherFormat
        If it was written by a release with another format of tables.
    """
    try:
        metadata = pq.read_schema(path).metadata
        text, found = metadata[METADATA_KEY], int(metadata.get(FORMAT_KEY, b"1"))
        if found == FORMAT:
            table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
            checksum = table.schema.metadata[CHECKSUM_KEY]
            table = table.replace_schema_metadata(None)
            if checksum != checksum_of(table, text):
                raise ValueError("its values, columns or provenance were altered after it was written")
            return table, json.loads(text)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DamagedTable(
            f"{path} is no whole table of this workflow ({error}); make it again: rm '{path}', then snakemake '{path}'"
        ) from error
    release = "an older" if found < FORMAT else "a newer"
    raise OtherFormat(
        f"{path} is a table of format {found}, written by {release} release; this one reads format {FORMAT}: use that "
        f"release, or make it again: rm '{path}', then snakemake '{path}'"
    )
