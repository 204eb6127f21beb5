"""Play random calls for as long as wanted, then check what must hold.

    python -m tests.support.random_calls --calls 4000 --threads 4 --seed 7

It runs on a test database of its own beside that of DATABASE_URL (not while the tests run: theirs
has the same name), prints what came of the calls, and exits with 1 if anything is broken. One
thread with the same seed makes the same calls; several do not take turns the same way.
"""

import argparse
import os
import sys
import time
from collections import defaultdict

import django
from django.test.utils import setup_databases, teardown_databases


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.random_calls",
        description="Play random calls on one company's day, then check what must hold.",
    )
    parser.add_argument("--calls", type=int, default=4000, help="calls in all (default 4000)")
    parser.add_argument("--threads", type=int, default=4, help="callers at once (default 4)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the calls (default 1)")
    parser.add_argument("--shared", action="store_true", help="clients may share vehicles")
    parser.add_argument("--faults", action="store_true", help="refuse each statement once")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    os.environ.setdefault("SLOW_QUERY_MS", "0")  # callers wait for each other: that is no news
    django.setup()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        return _play_and_check(**vars(options))
    finally:
        teardown_databases(databases, verbosity=0)


def _play_and_check(*, calls: int, threads: int, seed: int, shared: bool, faults: bool) -> int:
    # Imported late: the models need Django to be set up.
    from tests.support.invariants import broken, wrong_stretches
    from tests.support.random_calls.day import make_day
    from tests.support.random_calls.player import play_in_threads

    company = make_day(seed, shares_rides=shared)
    began = time.perf_counter()
    played = play_in_threads(company, seed=seed, calls=calls, threads=threads, faults=faults)
    print(f"{calls} calls by {threads} threads, seed {seed}: {time.perf_counter() - began:.0f} s")
    outcomes = defaultdict(list)
    for (name, outcome), count in sorted(played.items()):
        outcomes[name].append(f"{outcome} {count}")
    for name, texts in outcomes.items():
        print(f"  {name:16} {', '.join(texts)}")
    found = broken(company)
    if wrong := wrong_stretches(company):
        found["a stretch is what its trips say"] = wrong
    for rule, examples in found.items():
        print(f"BROKEN: {rule}: {len(examples)}, first {examples[:3]}")
    print("Something is broken." if found else "All that must hold holds.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
