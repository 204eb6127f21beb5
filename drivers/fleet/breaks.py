"""Write the planned breaks of many shifts with one statement."""

import json
from datetime import datetime

from django.db import connections, router

from drivers.db.arrays import array_literal
from drivers.models import Shift

STATEMENTS = {
    "postgresql": (
        "UPDATE {table} SET break_at = plan.at::timestamptz FROM "
        "(SELECT unnest(%s::bigint[]) AS id, unnest(%s::text[]) AS at) AS plan "
        "WHERE {table}.id = plan.id"
    ),
    "sqlite": (
        "UPDATE {table} SET break_at = plan.at FROM "
        "(SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS at "
        "FROM json_each(%s)) AS plan WHERE {table}.id = plan.id"
    ),
}


def plan_breaks(starts: dict[int, datetime | None]) -> None:
    """Set the start of breaks, {shift id: datetime or None for no planned break}: 1 query."""
    if not starts:
        return
    connection = connections[router.db_for_write(Shift)]
    ids = sorted(starts)
    adapt = connection.ops.adapt_datetimefield_value
    values = [None if starts[i] is None else str(adapt(starts[i])) for i in ids]
    if connection.vendor == "sqlite":
        params = [json.dumps(list(zip(ids, values, strict=True)))]
    else:
        params = [array_literal(ids), array_literal(values)]
    table = connection.ops.quote_name(Shift._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(STATEMENTS[connection.vendor].format(table=table), params)
