import json
import re
from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bookings.models import Actor, Door
from dispatch.management.arguments import add_day
from dispatch.runs.options import Mode, RunOptions
from dispatch.runs.run import run_dispatch
from drivers.management.arguments import add_company, company_of


def _engine(value):
    if not re.fullmatch("search|greedy|vroom:[0-5]", value):
        raise ArgumentTypeError(
            f"{value!r} is not an engine; use search, greedy or vroom:0 to vroom:5."
        )
    return value


def _seed(value):
    if not value.isdecimal():
        raise ArgumentTypeError(f"{value!r} is not a whole number of at least 0.")
    return int(value)


class Command(BaseCommand):
    help = "Plan a company's day: assign its bookings to its drivers."

    def add_arguments(self, parser):
        add_company(parser)
        add_day(parser)
        parser.add_argument(
            "--preview", action="store_true", help="Show what would change; write nothing."
        )
        parser.add_argument("--json", action="store_true", help="Print the report as JSON.")
        limit = parser.add_mutually_exclusive_group()
        limit.add_argument(
            "--fast",
            action="store_const",
            const=0,
            dest="time_limit",
            help="Take the first feasible plan, searched briefly; same as --time-limit 0.",
        )
        limit.add_argument(
            "--time-limit",
            type=float,
            metavar="SECONDS",
            help="Seconds for planning at most; default: by the size of the day, 3 to 60.",
        )
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument(
            "--place-open",
            action="store_const",
            const=Mode.PLACE,
            dest="mode",
            help="Only place what is open; what stands keeps driver and time, while the "
            "driver can do it.",
        )
        mode.add_argument(
            "--improve",
            action="store_const",
            const=Mode.IMPROVE,
            dest="mode",
            help="Move trips to other drivers also where that saves driving; default: only to "
            "serve more.",
        )
        parser.add_argument(
            "--move-confirmed",
            action="store_true",
            help="Move confirmed trips as others; default: they stay.",
        )
        parser.add_argument(
            "--engine",
            type=_engine,
            default="search",
            help="search (ruin and recreate, the default), greedy, or vroom:LEVEL with LEVEL 0-5.",
        )
        parser.add_argument("--seed", type=_seed, default=0, help="Seed of the search; default 0.")

    def handle(self, *, company, day, preview, time_limit, engine, seed, mode, **options):
        company = company_of(company)
        if time_limit is not None and not 0 <= time_limit <= 3600:
            raise CommandError("--time-limit must be between 0 and 3600 seconds.")
        report = run_dispatch(
            company,
            day,
            now=timezone.now(),
            actor=Actor(Door.COMMAND, name="dispatch_day"),
            options=RunOptions(
                engine=engine,
                time_limit_s=time_limit,
                seed=seed,
                mode=mode or Mode.SERVE,
                move_confirmed=options["move_confirmed"],
            ),
            preview=preview,
        )
        if options["json"]:
            return json.dumps(report.as_dict(), indent=2, ensure_ascii=False)
        return report.summary()
