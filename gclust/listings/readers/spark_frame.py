"""Reader of Spark DataFrames: Spark computes one once, and writes it as Parquet files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gclust.errors import StudyError
from gclust.listings.engines.protocol import EngineError, FileDatabase
from gclust.listings.engines.spark_jobs import SparkJobs, is_of_spark, message_of
from gclust.listings.engines.spark_types import file_address, identifier
from gclust.listings.sources.column_resolver import ColumnResolver
from gclust.listings.sources.dialects import identifier as duckdb_identifier
from gclust.listings.sources.dialects import quoted
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import Column, SourcePart
from gclust.listings.sources.struct_fields import field_paths


def is_spark_frame(data: Any) -> bool:
    """Return whether a table is a Spark DataFrame, without importing pyspark."""
    if "pyspark.sql" not in sys.modules:
        return False
    from pyspark.sql import DataFrame

    return isinstance(data, DataFrame)


def open_spark_frame(
    engine: FileDatabase, source: SourceFiles, resolver: ColumnResolver
) -> tuple[SourcePart, str]:
    """Write the columns of a Spark DataFrame that are used; return its part and its identity.

    The DataFrame is computed once, because it may give other rows the next time. Its rows have no
    order, so the identity is their number and a sum of their hashes; see `identity_of`.
    """
    where = source.path
    frame = source.data
    jobs = SparkJobs(frame.sparkSession, engine.copies, engine.progress)
    try:
        fields = field_paths(pa.schema([_shape(each) for each in frame.schema.fields]))
        resolver.resolve(where, [field.name for field in fields])
        resolver.check()
        used = {
            name: (frame.columns[fields[at].position], *fields[at].steps)
            for name, at in resolver.files[where].used.items()
        }
        selected = [f"{identifier(*path)} AS {identifier(name)}" for name, path in used.items()]
        folder = engine.copies / f"frame-{engine.next_number()}.parquet"
        jobs.write(frame.selectExpr(*selected), folder, "read listings")
        files = tuple(sorted(str(path) for path in folder.glob("part-*.parquet")))
        identity = identity_of(frame.sparkSession, jobs, folder, list(used))
        return _part(engine, source, files, resolver.files[where].user_columns), identity
    except StudyError:
        raise
    except Exception as error:
        if not isinstance(error, EngineError) and not is_of_spark(error):
            raise
        raise StudyError(f"{where}: cannot be read: {message_of(error)}") from error


def identity_of(session: Any, jobs: SparkJobs, folder: Path, columns: list[str]) -> str:
    """Return the number of rows in Parquet files, and the sum of their 64-bit hashes, as text.

    It is the same for any order of rows, and other rows have another one but for chance. It is no
    proof against rows that are made up on purpose, as a sha256 is.
    """
    # A null adds nothing to a hash, so it gets a mark of its own.
    hashed = ", ".join(f"{each}, isnull({each})" for each in map(identifier, columns))
    total = f"sum(cast(xxhash64({hashed}) as decimal(20, 0))) AS total"
    sums = session.read.parquet(file_address(folder)).selectExpr("count(*) AS rows", total)
    (row,) = jobs.run(sums.toArrow, "read listings").to_pylist()
    return f"{row['rows']} rows, sum of xxhash64 {row['total'] or 0}"


def _shape(field: Any) -> pa.Field:
    """Return a field of a Spark schema as an Arrow field: a struct, or no type in particular."""
    inner = getattr(field.dataType, "fields", None)
    if inner is None:
        return pa.field(field.name, pa.null())
    return pa.field(field.name, pa.struct([_shape(each) for each in inner]))


def _part(
    engine: FileDatabase,
    source: SourceFiles,
    files: tuple[str, ...],
    user_columns: dict[str, str],
) -> SourcePart:
    """Return the part of a source whose rows are in Parquet files that Spark wrote."""
    listed = f"read_parquet([{', '.join(map(quoted, files))}], hive_partitioning = false)"
    described = engine.connection.sql(f"SELECT * FROM {listed} LIMIT 0")
    columns = {}
    for name, sql_type in zip(described.columns, map(str, described.types), strict=True):
        columns[name] = Column(user_columns[name], duckdb_identifier(name), sql_type, (name,))
        columns[name].check_type(source.path, name)
    return SourcePart(
        files=(source.path,),
        rows=(sum(pq.read_metadata(file).num_rows for file in files),),
        table=lambda _: listed,
        columns=columns,
        source=source,
        is_parquet=True,
        stored=files,
        has_order=False,
    )
