"""Types of Arrow and DuckDB as types of Spark."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

OF_ARROW = {
    "bool": "boolean", "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint",
    "uint8": "smallint", "uint16": "int", "uint32": "bigint", "float": "float",
    "double": "double", "string": "string", "large_string": "string", "string_view": "string",
}  # fmt: skip
"""Name of an Arrow type -> Spark's type of such values in a Parquet file."""


def with_plain_types(table: pa.Table) -> pa.Table:
    """Return an Arrow table with the values of dictionaries, and texts for columns of nulls."""
    for at, field in enumerate(table.schema):
        plain = field.type
        if pa.types.is_dictionary(plain):
            plain = plain.value_type
        if pa.types.is_null(plain):
            plain = pa.string()
        if plain != field.type:
            table = table.set_column(at, field.name, table.column(at).cast(plain))
    return table


def schema_of(schema: pa.Schema) -> str:
    """Return Spark's schema, as text, of a Parquet file with the columns of an Arrow schema."""
    return ", ".join(f"{identifier(each.name)} {OF_ARROW[str(each.type)]}" for each in schema)


def identifier(*path: str) -> str:
    """Return the name of a column, or of a field in it, as Spark's SQL."""
    return ".".join("`" + name.replace("`", "``") + "`" for name in path)


def file_address(path: Any) -> str:
    """Return the address of a file or folder on a disk, as Spark takes it."""
    return f"file://{path}"
