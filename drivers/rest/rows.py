"""Read rows as JSON values, without Django's converters.

Django would give each time of a row a timezone, only for it to be written as text again.
"""

import json
from contextlib import suppress

from django.core.exceptions import EmptyResultSet
from django.db import connections

from drivers.times import moment


def read_rows(queryset):
    """Return the rows of a `.values()` queryset of columns as dicts of JSON values: 1 statement."""
    connection = connections[queryset.db]
    compiler = queryset.query.get_compiler(connection=connection)
    with suppress(EmptyResultSet), connection.cursor() as cursor:
        sql, params = compiler.as_sql()
        cursor.execute(sql, params)
        names = list(queryset.query.selected)  # annotations among the columns
        columns = [list(column) for column in zip(*cursor.fetchall(), strict=True)]
        for i, (expression, _sql, _alias) in enumerate(compiler.select[: len(columns)]):
            write = _writer(expression.output_field, connection.vendor)
            if write:
                columns[i] = [None if v is None else write(v) for v in columns[i]]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return []


def _writer(field, vendor):
    """Return the function that turns a database value into a JSON value; None if it is one."""
    kind = field.get_internal_type()
    if kind == "JSONField":
        return json.loads
    if kind == "DateTimeField":
        return _written_naive if vendor == "sqlite" else moment
    return None


def _written_naive(value):
    return f"{value.isoformat()}Z"  # stored in UTC
