"""Write a list as one text that PostgreSQL reads as an array.

psycopg2 writes a list as ARRAY[...], whose every element the server parses as an expression:
for 1,000 rows that took it longer than to insert them.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

UNQUOTED = {int, float, bool, date, datetime, type(None)}


def array_literal(values: list[Any]) -> str:
    """Return '{1,2,NULL}' from numbers, booleans, dates, datetimes, texts and None."""
    kinds = set(map(type, values))
    if kinds <= UNQUOTED:
        elements: Iterable[str] = ["NULL" if value is None else str(value) for value in values]
    elif all(issubclass(kind, str) for kind in kinds - UNQUOTED):
        elements = map(_element, values)
    else:
        raise TypeError(f"Not all of {kinds} go into an array.")
    return "{" + ",".join(elements) + "}"


def _element(value: str | None) -> str:
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
