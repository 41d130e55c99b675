"""The archive: events in Parquet by day of arrival and log source, and the search in it.

`Archiver` writes, `search` reads, also while another process writes; `rows.Row` is what both take.
"""

from beffroi.logs.archive.archiver import Archiver
from beffroi.logs.archive.index import load as load_index
from beffroi.logs.archive.query import Query
from beffroi.logs.archive.rows import Row
from beffroi.logs.archive.search import search

__all__ = ["Archiver", "Query", "Row", "load_index", "search"]
