"""Ask one tool about the planted requests, and print its words as JSON.

    PEER=zeal DATABASE_URL=... DJANGO_SETTINGS_MODULE=tests.perf.peers.settings \\
        python -m tests.perf.peers.ask --rows 100000
"""

import argparse
import json
import os
import threading
from contextlib import contextmanager, nullcontext

import django

from tests.perf.peers.tools import TOOLS


def ask_all(tool, many, only=()):
    """Return what the tool says of each request, and under "" of the tables, with `many` rows.

    `only` names the requests to make, by default all; 0 rows leave the tables of indexes empty.
    """
    from django.db import connection

    from tests.perf.planted import faults, rows
    from tests.perf.planted.models import Author, Book, Publisher, Review

    on_postgresql = connection.vendor == "postgresql"
    asked = {}
    with rows.scratch_tables():
        user = _superuser()
        if many:
            rows.plant_many(many)
            rows.read_often()
        with rows.worn() if many and on_postgresql else nullcontext():
            # Before the requests: what they try leaves traces in the counters.
            asked[""] = tool.tables() if tool.asks_tables else []
            paths = [fault.path for fault in faults.EVERY if fault.path]
            for path in only or dict.fromkeys([*paths, *faults.CLEAN, *faults.CLEAN_PLANS]):
                rows.clear()
                rows.plant(rows.SOME if path in faults.MANY else rows.FEW)
                rows.settle(Author, Book, Publisher, Review)
                with _holding() if path == faults.LOCK.path and on_postgresql else nullcontext():
                    asked[path] = tool.ask(path, lambda path=path: _get(path, user))
    return {
        "database": connection.vendor,
        "rows": many,
        "said": {path: [one.as_dict() for one in found] for path, found in asked.items()},
    }


def _superuser():
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_superuser("root")


def _get(path, user):
    from django.test import Client

    client = Client()
    if path.startswith("admin/"):
        client.force_login(user)
    response = client.get(f"/{path}/")
    if response.status_code != 200:
        raise RuntimeError(f"/{path}/ answered {response.status_code}")
    return response


@contextmanager
def _holding():
    """Hold the publishers' rows for a while, in another thread."""
    from django.db import connections, transaction

    from tests.perf.planted.models import Publisher

    holds = threading.Event()

    def hold():
        with transaction.atomic():
            Publisher.objects.update(name="mine")
            holds.set()
            threading.Event().wait(0.6)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait(5)
    try:
        yield
    finally:
        holder.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args()
    django.setup()
    tool = TOOLS[os.environ["PEER"]]
    print(json.dumps({"version": tool.version, **ask_all(tool, options.rows, options.only)}))


if __name__ == "__main__":
    main()
