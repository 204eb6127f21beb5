"""Do things at one moment, each in a thread and a connection of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import connection, connections

PATIENCE_S = 30  # a test that waits longer has failed


def together(*calls):
    """Start all calls at one moment, each in a thread of its own; return what they return."""
    start = threading.Barrier(len(calls))

    def run(call):
        try:
            start.wait(PATIENCE_S)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(PATIENCE_S) for future in [pool.submit(run, c) for c in calls]]


def wait_for_somebody_who_waits():
    with connection.cursor() as cursor:
        for _ in range(100_000):
            cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
            if cursor.fetchone():
                return
    raise AssertionError("Nobody waits for a lock.")
