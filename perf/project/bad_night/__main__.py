"""Rehearse a bad night on this machine: `python -m perf.project.bad_night`.

It needs PostgreSQL (the embedded one will do), pgbouncer and redis-server, touches no database of
yours, and exits with 1 where something was lost or could not be rehearsed. Times mean something on
a machine left alone.
"""

import argparse
import io
import os
import shutil
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import django
from django.core.management import call_command

from perf.project.bad_night.machines import WEBS, WORKERS, Machines, Missing


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m perf.project.bad_night",
        description="Start a whole installation, let things happen, count what was lost.",
    )
    parser.add_argument("--companies", type=int, default=30, help="planning at once (default 30)")
    parser.add_argument("--bookings", type=int, default=40, help="of each day (default 40)")
    parser.add_argument("--search", type=int, default=3, help="seconds of each run (default 3)")
    parser.add_argument("--only", nargs="*", metavar="WORD", help="rounds with one of these words")
    parser.add_argument("--keep", action="store_true", help="keep the logs of the processes")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bad-night-"))
    try:
        machines = Machines(folder, small_disk=True)
    except Missing as missing:
        shutil.rmtree(folder)
        sys.exit(str(missing))
    try:
        return _rehearse(machines, options)
    finally:
        machines.end()
        if options.keep:
            print(f"Logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _rehearse(machines: Machines, options: argparse.Namespace) -> int:
    machines.start("db", "pooler", "broker", "cache")
    machines.wait_for("db", "pooler", "broker", "cache")
    os.environ |= machines.environment() | {
        "DATABASE_URL": machines.url(pooled=False),
        "POOLER": "0",
    }
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dispatchsite.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    days, keys = _make_companies(options.companies, options.bookings)
    machines.start(*WEBS, *WORKERS, "tend")
    machines.wait_for(*WEBS)
    threading.Thread(target=machines.supervise, daemon=True).start()
    # Imported late: the models need Django to be set up.
    from perf.project.bad_night.night import ROUNDS, Night
    from perf.project.bad_night.visitors import Visitors

    visitors = Visitors([machines.ports[name] for name in WEBS], keys)
    night = Night(machines, visitors, days, options.search)
    threading.Thread(target=visitors.check_servers, daemon=True).start()
    while len(visitors.up) < len(WEBS):
        time.sleep(0.5)
    night.play("warming up", ROUNDS["nothing"], 2 * len(WORKERS))
    threading.Thread(target=visitors.look_on, daemon=True).start()
    quiet_s, wrong = 0.0, 0
    print(
        "| what happens | runs | ended | begun again | last end after s | slowest request s | "
        "answers 5xx or none | what is wrong |\n|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    for name, happen in ROUNDS.items():
        if name != "nothing" and options.only and not any(word in name for word in options.only):
            continue
        outcome = night.play(name, happen, options.companies)
        if name == "nothing":
            quiet_s = outcome.late_s
        faults = outcome.faults(quiet_s)
        wrong += bool(faults)
        ended = ", ".join(f"{count} {status}" for status, count in sorted(outcome.ended.items()))
        lost = sum(n for status, n in outcome.answers.items() if status == 0 or status >= 500)
        print(
            f"| {name} | {outcome.accepted} of {outcome.asked} | {ended} | {outcome.begun_again} | "
            f"{outcome.late_s:.0f} | {outcome.slowest_s:.1f} ({outcome.slowest}) | "
            f"{lost} of {outcome.answers.total()} | {'; '.join(faults) or '-'} |",
            flush=True,
        )
    visitors.leave()
    print(f"Started again: {machines.restarts}")
    return int(wrong > 0)


def _make_companies(count: int, bookings: int):
    """Invent the companies; return {slug: day} and {slug: key of an owner}."""
    from django.contrib.auth import get_user_model
    from django.utils import timezone

    from drivers.companies.tokens import issue_token
    from drivers.models import Company, Membership, Role

    now = timezone.now()
    day = (now + timedelta(days=2)).date()
    days, keys = {}, {}
    for number in range(count):
        slug = f"night{number}"
        call_command(
            "seed_scenario", company=slug, bookings=bookings, seed=number + 1, date=day,
            stdout=io.StringIO(),
        )  # fmt: skip
        company = Company.objects.get(slug=slug)
        user = get_user_model().objects.create_user(f"owner-{slug}")
        member = Membership.objects.create(company=company, user=user, role=Role.OWNER)
        _token, keys[slug] = issue_token(member, name="night", now=now)
        days[slug] = day
    return days, keys


if __name__ == "__main__":
    sys.exit(main())
