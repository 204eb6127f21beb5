"""Dispatch a day again and again, beside a server under load.

Every line on standard input runs `manage.py dispatch_day` with the arguments it was started
with, and answers with a line of JSON. The end of the input ends the process at once, in the
middle of a dispatch too: then whoever asked is dead.
"""

import contextlib
import io
import json
import os
import queue
import sys
import threading
import time

import django
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from drivers.refused import Refused


def main(arguments):
    django.setup()
    orders = queue.SimpleQueue()
    threading.Thread(target=listen, args=[orders], daemon=True).start()
    dispatch([*arguments, "--preview"])  # compiles what the planner compiles
    say({"ready": True})
    while True:
        orders.get()
        say(dispatch(arguments))


def listen(orders):
    for line in sys.stdin:
        orders.put(line)
    os._exit(0)


def say(answer):
    print(json.dumps(answer), flush=True)


def dispatch(arguments):
    """Return what a dispatch did, or its error; seconds of the whole command."""
    start = time.perf_counter()
    answer = {"error": ""}
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            call_command("dispatch_day", *arguments, "--json")
        report = json.loads(printed.getvalue())
        answer |= {"statements": report.get("statements"), "assigned": report.get("assigned")}
    except (CommandError, DatabaseError, Refused) as error:
        answer["error"] = f"{type(error).__name__}: {error}"
    return answer | {"seconds": time.perf_counter() - start}


if __name__ == "__main__":
    main(sys.argv[1:])
