"""The connection to a database that a backup is restored into."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

from django.db import connections

ALIAS = "restored"


@contextmanager
def connected(name: str, using: str) -> Iterator[str]:
    """Yield an alias for the database `name`, which lies where that of `using` does.

    It is known to this thread alone, and to no setting: nothing is routed to it by itself.
    """
    connection = connections[using]
    settings = deepcopy(connection.settings_dict) | {"NAME": name, "CONN_MAX_AGE": 0}
    scratch = connections[ALIAS] = type(connection)(settings, ALIAS)
    try:
        yield ALIAS
    finally:
        scratch.close()
        del connections[ALIAS]
