import json
import os
from datetime import timedelta
from getpass import getpass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from perf.measuring.machine import describe_machine, load_average
from perf.models import Kind
from perf.trends.store import add_record, remember

FROM_ENVIRONMENT = "LOAD_TEST_PASSWORD"
LIMITS = {
    "rate": (0.1, 1_000), "seconds": (1, 3_600), "workers": (1, 64), "dispatch_every": (0, 3_600),
    "seed": (0, 10_000), "history": (0, 10_000_000),
}  # fmt: skip


try:
    from perf.project.load.charts import draw_load
    from perf.project.load.client import LoginRefused, NothingKnown
    from perf.project.load.run import Load, is_loopback, load_own_server, load_running_server
    from perf.project.load.server import ServerDied
except ModuleNotFoundError as error:  # aiohttp and matplotlib are no production packages
    MISSING = error.name
else:
    MISSING = ""


class Command(BaseCommand):
    help = (
        "Sends a server requests at scheduled times, whether it keeps up or not, and dispatches "
        "meanwhile: throughput, response times, errors, statements per request."
    )

    def add_arguments(self, parser):
        target = parser.add_mutually_exclusive_group(required=True)
        target.add_argument(
            "--self",
            action="store_true",
            dest="own",
            help="Start gunicorn on a scratch database filled for each size, and remove both.",
        )
        target.add_argument("--url", help="Test the server that runs at this address.")
        parser.add_argument(
            "--bookings",
            type=int,
            nargs="+",
            default=[100, 1_000, 10_000],
            help="With --self: bookings of the day; default 100 1000 10000.",
        )
        parser.add_argument(
            "--history", type=int, help="With --self: past bookings; default ten times as many."
        )
        parser.add_argument("--rate", type=float, default=8, help="Requests a second; default 8.")
        parser.add_argument(
            "--seconds", type=float, default=20, help="Seconds of every schedule; default 20."
        )
        parser.add_argument(
            "--workers", type=int, default=2, help="With --self: gunicorn workers; default 2."
        )
        parser.add_argument(
            "--dispatch-every",
            type=float,
            default=5,
            metavar="SECONDS",
            help="With --self: seconds between dispatches beside it; 0: none; default 5.",
        )
        parser.add_argument("--seed", type=int, default=1, help="Seed of the schedule; default 1.")
        parser.add_argument(
            "--user", default="", help=f"With --url: who logs in; password: {FROM_ENVIRONMENT}."
        )
        parser.add_argument(
            "--write", action="store_true", help="With --url: create bookings there, too."
        )
        parser.add_argument(
            "--i-own-this-server",
            action="store_true",
            help="With --url: really load another machine than this one.",
        )
        parser.add_argument(
            "--output", type=Path, metavar="DIR", help="Write load_test.json, .md and .png there."
        )
        add_record(parser)

    def handle(self, *, own, url, bookings, output, record, **options):
        if MISSING:
            raise CommandError(f"{MISSING} is missing: install requirements-dev.txt.")
        _check(bookings, options)
        if not own:
            _check_target(url, options)
        if output:
            output.mkdir(parents=True, exist_ok=True)
        load = Load(
            rate=options["rate"],
            seconds=options["seconds"],
            workers=options["workers"],
            dispatch_every_s=options["dispatch_every"],
            seed=options["seed"],
        )
        now = timezone.now()
        machine, busy_before = describe_machine() if own else {}, load_average()
        runs = []
        try:
            for run in (
                self._own(bookings, load, now, options) if own else _other(url, load, now, options)
            ):
                runs.append(run)
                self.stdout.write(run.summary() + "\n\n")
                self.stdout.flush()
        except (LoginRefused, NothingKnown, ServerDied, OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        result = {
            "kind": Kind.LOAD.value,
            "at": now.isoformat(),
            "machine": machine,
            "load_average": {"before": busy_before, "after": load_average()},
            "target": "own server" if own else url,
            "arrivals": "open model, Poisson",
            "rate": load.rate,
            "workers": load.workers if own else None,
            "dispatch_every_s": load.dispatch_every_s if own else None,
            "seed": load.seed,
            "runs": [run.as_dict() for run in runs],
        }
        self.stdout.write("\n".join(_about(result)) + "\n\n")
        if output:
            _write(output, result, runs)
        if record and own:
            for run in runs:
                remember(Kind.LOAD, run.headline(), at=now, size=run.bookings, machine=machine)
        errors = sum(run.figures()["errors"] for run in runs)
        return f"{sum(len(run.samples) for run in runs)} requests, {errors} errors."

    def _own(self, bookings, load, now, options):
        for size in bookings:
            history = options["history"]
            history = 10 * size if history is None else history
            yield load_own_server(size, load, history=history, now=now)


def _check(bookings, options):
    """Refuse what has no end."""
    for name, (low, high) in LIMITS.items():
        value = options[name]
        if value is not None and not low <= value <= high:
            raise CommandError(f"--{name.replace('_', '-')} must be between {low} and {high}.")
    if not all(1 <= size <= 100_000 for size in bookings) or len(bookings) > 20:
        raise CommandError("--bookings takes up to 20 sizes between 1 and 100000.")


def _check_target(url, options):
    """Refuse strangers."""
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise CommandError("--url must begin with http:// or https:// and name a host.")
    if not (is_loopback(url) or options["i_own_this_server"]):
        raise CommandError(
            f"{urlsplit(url).hostname} is not this machine. Loading a server that is not yours "
            "is an attack; if it is yours, add --i-own-this-server."
        )
    if not options["user"]:
        raise CommandError("--url needs --user.")


def _other(url, load, now, options):
    """Yield the run against a running server."""
    user = options["user"]
    password = os.environ.get(FROM_ENVIRONMENT) or getpass(f"Password of {user}: ")
    day = (now + timedelta(days=1)).date()
    yield load_running_server(url, user, password, load, day=day, writes=options["write"])


def _write(folder, result, runs):
    (folder / "load_test.json").write_text(json.dumps(result) + "\n")
    draw_load(runs, folder / "load_test.png")
    tables = "\n\n".join(run.summary() for run in runs)
    about = "\n".join(f"- {line}" for line in _about(result))
    (folder / "load_test.md").write_text(
        f"# Load test\n\n{about}\n\n```\n{tables}\n```\n\n![](load_test.png)\n\n"
        "Every request is in `load_test.json`.\n"
    )


def _about(result):
    """Return lines that say what was measured, where and how."""
    where = result["machine"]
    about = [
        f"at {result['at'][:16]} UTC, commit {where.get('commit') or 'unknown'}",
        f"{where.get('database', result['target'])}; {where.get('processor', '')} "
        f"× {where.get('cores', '?')}; load average before {result['load_average']['before'][0]}, "
        f"after {result['load_average']['after'][0]}",
        f"open model: Poisson arrivals, seed {result['seed']}; response times from the scheduled "
        "moment",
    ]
    if result["workers"]:
        every = result["dispatch_every_s"]
        beside = (
            f"a dispatch every {every:g} s in a process beside them" if every else "no dispatch"
        )
        about.append(f"gunicorn {version('gunicorn')}, {result['workers']} sync workers; {beside}")
    return about
