"""Remove a scratch database as soon as the process that made it is gone, however it ended.

Runs as a small process of its own (`python -m perf.measuring.scratch_guardian`), without Django.
Its standard input is a pipe that only the maker holds open: one line of JSON says what to remove,
and the end of the pipe says that the maker is dead. Removing what is gone already is no error.
"""

import json
import shutil
import sys
import time

TRIES = 10


def remove(place):
    """Remove a scratch database: {"folder": ...} or {"database": ..., "server": {...}}."""
    if "folder" in place:
        shutil.rmtree(place["folder"], ignore_errors=True)
        return
    connection = connected(place["server"])
    try:
        with connection.cursor() as cursor:
            name = place["database"].replace('"', '""')
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        connection.close()


def connected(server):
    """Return a connection outside transactions: databases are made and dropped in none."""
    import psycopg2  # where there is only SQLite, it may be missing

    connection = psycopg2.connect(**server)
    connection.autocommit = True
    return connection


def _passing(place):
    """Return the failures that may pass by themselves."""
    if "folder" in place:
        return OSError
    import psycopg2  # see `connected`

    return psycopg2.Error


def main():
    place = json.loads(sys.stdin.readline())
    sys.stdin.read()
    for attempt in range(TRIES):
        try:
            return remove(place)
        except _passing(place):  # a server may be restarting; the next start cleans up too
            time.sleep(attempt)
    return None


if __name__ == "__main__":
    main()
