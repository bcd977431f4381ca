"""Fields of struct columns, used as columns with dotted names such as ``address.lat``."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa


class FieldPath(NamedTuple):
    """Path to a column, or to a field within a struct column."""

    name: str  # the column's name, then a dot and name for each field
    position: int  # of the column in its table
    steps: tuple[str, ...] = ()  # names of the fields, from the outermost


def field_paths(schema: pa.Schema) -> list[FieldPath]:
    """Return the columns of a schema, then the fields of its struct columns.

    Fields whose names differ only in case are left out, because DuckDB does not distinguish
    them. Fields whose name with dots is also a column's name are left out too.
    """
    columns = [FieldPath(field.name, at) for at, field in enumerate(schema)]
    names = {column.name for column in columns}
    pairs = zip(schema, columns, strict=True)
    fields = [path for field, column in pairs for path in _fields(field, column)]
    return columns + [path for path in fields if path.name not in names]


def _fields(field: pa.Field, path: FieldPath) -> list[FieldPath]:
    if not pa.types.is_struct(field.type):
        return []
    inner = [field.type.field(at) for at in range(field.type.num_fields)]
    folded = [each.name.casefold() for each in inner]
    found = []
    for each in inner:
        if folded.count(each.name.casefold()) == 1:
            name = f"{path.name}.{each.name}"
            below = FieldPath(name, path.position, (*path.steps, each.name))
            found += [below, *_fields(each, below)]
    return found
