import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from drivers.management.arguments import add_company, company_of
from drivers.refused import Refused
from perf.project.management.arguments import a_day
from perf.project.replay.office import Follows
from perf.project.replay.report import draw_days, result_of, tables
from perf.project.replay.run import replay


class Command(BaseCommand):
    help = (
        "Drives a day of a company with random delays, no-shows, sick drivers and late bookings, "
        "with or without carrying out what is suggested on the way, and says how late its clients "
        "were. It happens in a scratch database: the company is only read."
    )

    def add_arguments(self, parser):
        add_company(parser)
        parser.add_argument(
            "--date", type=a_day, nargs="+", required=True, help="Days, such as 2021-01-06."
        )
        parser.add_argument("--seed", type=int, default=1, help="First seed (default: 1).")
        parser.add_argument(
            "--seeds", type=int, default=1, help="Seeds of each day, 1-1000 (default: 1)."
        )
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            "--suggestions",
            type=Follows,
            choices=list(Follows),
            default=Follows.ALL,
            help="Which are carried out: none, those for trips without a driver (open), or also "
            "those for trips that will be late (all, the default).",
        )
        group.add_argument(
            "--pairs",
            action="store_true",
            help="Drive each day in each of these ways, with the same random numbers, and compare.",
        )
        parser.add_argument(
            "--learned-traffic",
            action="store_true",
            help="Plan by traffic learned from 20 other days; by default by the company's own.",
        )
        parser.add_argument(
            "--every",
            type=int,
            default=5,
            help="Minutes between two looks at the board, 1-60 (default: 5).",
        )
        parser.add_argument("--json", metavar="OUT.json", help="Write all numbers to this file.")
        parser.add_argument("--plot", metavar="OUT.svg", help="Draw the minutes late of each day.")

    def handle(self, *, company, date, seed, seeds, every, **options):
        if not 1 <= seeds <= 1000 or seed < 0:
            raise CommandError("--seeds must be from 1 to 1000, --seed must not be negative.")
        if not 1 <= every <= 60:
            raise CommandError("--every must be from 1 to 60 minutes.")
        ways = list(Follows) if options["pairs"] else [options["suggestions"]]
        company = company_of(company)
        if company.shares_rides:
            raise CommandError(f"{company.slug} shares rides, which are not replayed yet.")
        how = {"every_min": every, "learned_traffic": options["learned_traffic"]}
        rows = []
        try:
            for day in date:
                for number, found in replay(company, day, range(seed, seed + seeds), ways, **how):
                    rows.append((day, number, found))
                    if self.stdout.isatty():
                        self.stderr.write(f"{day}, seed {number}")
        except (Refused, ValueError) as error:
            raise CommandError(f"{day}: {error}") from error
        result = result_of(company.slug, rows, how)
        if options["json"]:
            Path(options["json"]).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        if options["plot"]:
            draw_days(result, Path(options["plot"]))
        return tables(result)
