"""Send rows of values with a statement, as few parameters however many they are."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from drivers.db.arrays import array_literal


def sent_rows(columns: Mapping[str, str], rows: Iterable[tuple[Any, ...]]) -> tuple[str, list[Any]]:
    """Return (SELECT with these columns, its parameters) of the rows.

    `columns` are {name: type of PostgreSQL}. On SQLite the SELECT has a WHERE, so that ON after it
    is not taken for that of a join.
    """
    rows = list(rows)
    if connection.vendor == "postgresql":
        arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
        sent = zip(*rows, strict=True) if rows else iter([()] * len(columns))
        names = ", ".join(columns)
        return (
            f"SELECT {names} FROM unnest({arrays}) AS sent({names})",
            [array_literal(list(one)) for one in sent],
        )
    values = ", ".join(f"json_extract(value, '$[{i}]') AS {name}" for i, name in enumerate(columns))
    return f"SELECT {values} FROM json_each(%s) WHERE true", [json.dumps(rows)]
