"""Who works on a run has a lease of it, and renews it: who stops doing that is dead.

A lease is a random token in the row. It says nothing of machines and processes, which containers
share, and its end is of the database's clock, which all of them share.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connection
from django.db.models import DateTimeField, Expression, ExpressionWrapper, Value
from django.db.models.functions import Now

from dispatch.models import DispatchRun

logger = logging.getLogger(__name__)
LEASE = timedelta(seconds=30)
RENEWED_S = 8
NOBODY = ""  # the lease of a run that waits for its worker
QUEUED = "queued"  # its phase
ATTEMPTS = 3  # of a run whose workers die, or whose database fails

Answer = TypeVar("Answer")


def new_lease() -> str:
    return secrets.token_hex(16)


def lease_end() -> Expression:
    """Return when a lease ends that is taken or renewed now."""
    return ExpressionWrapper(Now() + Value(LEASE), output_field=DateTimeField())


@contextmanager
def renewed(run: DispatchRun) -> Iterator[None]:
    """Renew the lease of the run as long as the block runs, in a thread with its own connection."""
    over = threading.Event()
    name = f"lease of run {run.pk}"
    thread = threading.Thread(target=_renew, args=(run.pk, run.lease, over), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew(run_id: int, lease: str, over: threading.Event) -> None:
    rows = DispatchRun.objects.filter(id=run_id, lease=lease, status__in=DispatchRun.UNDER_WAY)
    while not over.wait(RENEWED_S):
        try:
            if not rows.update(claim_ends_at=lease_end()):
                return  # another has it by now: what this one plans is not written
        except (DatabaseError, InterfaceError) as error:
            logger.warning("The lease of run %d was not renewed: %s", run_id, error)
        finally:
            connection.close()  # of this thread


def reconnect() -> None:
    """Forget a connection that the server has closed while nobody used it."""
    if not connection.in_atomic_block and connection.connection and not connection.is_usable():
        connection.close()


def even_if_cut(write: Callable[[], Answer]) -> Answer:
    """Return what `write()` does; once more over a new connection where this one was cut."""
    try:
        return write()
    except (DatabaseError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return write()
