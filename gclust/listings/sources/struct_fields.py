"""Fields of structs as columns, under names with dots."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa


class FieldPath(NamedTuple):
    """A column, or a field within a column of structs."""

    name: str  # with a dot before each field
    position: int  # of the column in its table
    steps: tuple[str, ...] = ()  # names of the fields, from the outermost


def field_paths(schema: pa.Schema) -> list[FieldPath]:
    """Return the columns of a schema, then the fields of their structs.

    Fields that only case distinguishes are left out, as DuckDB does not tell them apart, and so
    are those whose name with dots is a column's.
    """
    columns = [FieldPath(field.name, at) for at, field in enumerate(schema)]
    names = {column.name for column in columns}
    fields = [
        path
        for field, column in zip(schema, columns, strict=True)
        for path in _fields(field, column)
        if path.name not in names
    ]
    return columns + fields


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
