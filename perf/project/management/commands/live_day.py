import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from perf.measuring.machine import describe_machine, load_average
from perf.project.live.people import People

LIMITS = {
    "boards": (0, 500), "phones": (0, 10_000), "drivers": (0, 10_000), "act_every": (0, 3_600),
    "bookings": (10, 10_000), "seconds": (1, 3_600), "workers": (1, 64), "seed": (0, 10_000),
}  # fmt: skip

try:
    from perf.project.live.run import live_day
    from perf.project.load.server import ServerDied
except ModuleNotFoundError as error:  # aiohttp is no production package
    MISSING = error.name
else:
    MISSING = ""


class Command(BaseCommand):
    help = (
        "Lets open boards, drivers' phones and apps, and a dispatcher work with a server of its "
        "own as they do on a day: response times, processor time, how soon a change is seen, "
        "whether every position is kept."
    )

    def add_arguments(self, parser):
        people = People()
        parser.add_argument(
            "--boards",
            type=int,
            default=people.boards,
            help=f"Open boards of one company; default {people.boards}.",
        )
        parser.add_argument(
            "--phones",
            type=int,
            default=people.phones,
            help=f"Phones that ask once a minute at /drive/; default {people.phones}.",
        )
        parser.add_argument(
            "--drivers",
            type=int,
            default=people.drivers,
            help=(
                "Apps of other drivers that report a position every 10 s to the API; "
                f"default {people.drivers}."
            ),
        )
        parser.add_argument(
            "--act-every",
            type=float,
            default=people.act_every_s,
            metavar="SECONDS",
            help=f"Seconds between acts at a board; 0: none; default {people.act_every_s:g}.",
        )
        parser.add_argument(
            "--bookings", type=int, default=1_000, help="Trips of each company; default 1000."
        )
        parser.add_argument("--seconds", type=float, default=60, help="Default 60.")
        parser.add_argument(
            "--workers", type=int, default=2, help="Processes of gunicorn, of 8 threads; default 2."
        )
        parser.add_argument(
            "--cache", default="", help="Their cache, such as redis://…; default: one in files."
        )
        parser.add_argument("--seed", type=int, default=1, help="Seed of it all; default 1.")
        parser.add_argument("--output", type=Path, metavar="FILE", help="Write it as JSON there.")

    def handle(self, *, output, **options):
        if MISSING:
            raise CommandError(f"{MISSING} is missing: install requirements-dev.txt.")
        for name, (low, high) in LIMITS.items():
            if not low <= options[name] <= high:
                raise CommandError(f"--{name.replace('_', '-')} must be between {low} and {high}.")
        now, busy = timezone.now(), load_average()
        names = ("boards", "phones", "drivers")
        people = People(**{name: options[name] for name in names}, act_every_s=options["act_every"])
        rest = ("bookings", "seconds", "workers", "cache", "seed")
        try:
            found = live_day(people, **{name: options[name] for name in rest}, now=now)
        except (ServerDied, OSError) as error:
            raise CommandError(str(error)) from error
        machine = describe_machine()
        self.stdout.write(found.summary() + "\n\n")
        self.stdout.write(
            f"at {now:%Y-%m-%d %H:%M} UTC, commit {machine['commit'] or 'unknown'}; "
            f"{machine['database']}; {machine['processor']} × {machine['cores']}; load average "
            f"before {busy[0]}, after {load_average()[0]}"
        )
        if output:
            about = {"at": now.isoformat(), "machine": machine, "load_average": busy}
            output.write_text(json.dumps(about | found.as_dict(), indent=1) + "\n")
        figures = found.figures()
        return f"{figures['requests']} requests, {figures['errors']} errors."
