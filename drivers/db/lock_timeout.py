"""Let a migration wait a short time for a table, not for ever with everybody else behind it.

An ALTER TABLE that waits for one long statement makes all later ones of that table wait for itself.
On PostgreSQL each statement of a migration that changes a table gives up after `WITHIN_MS`: its
migration is rolled back, and `migrate` is simply called again. Indexes that are built concurrently
wait outside a transaction and block nobody: they may.
"""

import re
from typing import Any

from django.db import connections

WITHIN_MS = 3_000
CHANGES_TABLE = re.compile(r"\s*(ALTER|CREATE|DROP|TRUNCATE|LOCK|COMMENT)\b", re.IGNORECASE)
LOCK_NOT_AVAILABLE = "55P03"


def bounded(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Send the statement; inside a transaction, with the time that it may wait for a table.

    The time is of the transaction: a pooler's connection keeps nothing of it.
    """
    if context["connection"].in_atomic_block and CHANGES_TABLE.match(str(sql)):
        execute(f"SET LOCAL lock_timeout = {WITHIN_MS}", None, False, context)
    return execute(sql, params, many, context)


def begin(using: str, **about: Any) -> None:
    """Hold the statements of migrations to it; called before each app's, without effect twice."""
    connection = connections[using]
    if connection.vendor == "postgresql" and bounded not in connection.execute_wrappers:
        connection.execute_wrappers.append(bounded)


def end(using: str, **about: Any) -> None:
    """Leave other statements alone again."""
    wrappers = connections[using].execute_wrappers
    if bounded in wrappers:
        wrappers.remove(bounded)


def is_lock_timeout(error: BaseException | None) -> bool:
    """Tell whether an error of the database says that a table was in use for too long."""
    return getattr(error, "pgcode", None) == LOCK_NOT_AVAILABLE
