"""Digests of the values of a table, whatever its chunks, dictionaries and compression."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def values_digest(table: pa.Table) -> str:
    """SHA-256 over the names, types and values of all columns, row by row.

    Two tables have the same digest where they are equal: text counts by its letters, not by the number that stands
    for it in a dictionary.
    """
    result = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        result.update(f"{name}\0{type_name(column.type)}\0{len(column)}\0".encode())
        add_values(result, column)
    return result.hexdigest()


def type_name(kind: pa.DataType) -> str:
    """A type in words; those of a list leave out the name of its elements, which Parquet changes."""
    return f"list<{type_name(kind.value_type)}>" if pa.types.is_list(kind) else str(kind)


def add_values(result, column: pa.ChunkedArray) -> None:
    """Feed ``result``, a hash, with the values of one column."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        codes = pa.chunked_array([chunk.indices for chunk in column.chunks], column.type.index_type)
        words = column.chunk(0).dictionary if column.num_chunks else pa.array([], column.type.value_type)
        add_words(result, codes, words)
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        add_values(result, column.dictionary_encode())
    elif pa.types.is_list(column.type):
        add_values(result, pa.chunked_array([pc.list_value_length(chunk) for chunk in column.chunks], pa.int32()))
        add_values(result, pa.chunked_array([chunk.flatten() for chunk in column.chunks], column.type.value_type))
    else:
        add_numbers(result, column)


def add_words(result, codes: pa.ChunkedArray, words: pa.Array) -> None:
    """Texts by their place in the alphabetical list of those that occur."""
    used = np.sort(pc.unique(codes).drop_null().to_numpy())
    texts = words.take(pa.array(used)).to_pylist()
    order = np.argsort(np.array(texts, object)) if texts else np.array([], int)
    place = np.zeros(len(words), np.int32)
    place[used[order]] = np.arange(len(used))
    for text in np.array(texts, object)[order]:
        result.update(f"{len(text)}:{text}".encode())
    add_numbers(result, pa.chunked_array([pa.array(place).take(chunk) for chunk in codes.chunks], pa.int32()))


def add_numbers(result, column: pa.ChunkedArray) -> None:
    """Numbers by their bytes, and where there are none."""
    if column.null_count:
        result.update(np.flatnonzero(column.is_null().to_numpy()).tobytes())
        column = column.fill_null(pa.scalar(0, pa.int8()).cast(column.type))
    for chunk in column.chunks:
        result.update(np.ascontiguousarray(chunk.to_numpy(zero_copy_only=False)).data)
