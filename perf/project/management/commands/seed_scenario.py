import time
from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from bookings.models import Actor, Door
from drivers.models import Company
from perf.project.management.arguments import a_day
from perf.project.scenarios.company import EVENTS_UP_TO, seed_scenario


class Command(BaseCommand):
    help = (
        "Invents a whole company in Geneva: drivers with shifts, a day of open bookings, and a "
        "past of completed ones. Same seed and date, same company."
    )

    def add_arguments(self, parser):
        parser.add_argument("--company", default="scenario", metavar="SLUG", help="A new slug.")
        parser.add_argument("--bookings", type=int, default=100, help="Open bookings on the day.")
        parser.add_argument("--drivers", type=int, help="Drivers (default: one for 9 bookings).")
        parser.add_argument("--history", type=int, default=0, help="Completed bookings before it.")
        parser.add_argument("--seed", type=int, default=1, help="Seed (default: 1).")
        parser.add_argument("--date", type=a_day, help="The day, YYYY-MM-DD (default: tomorrow).")
        parser.add_argument(
            "--events",
            action="store_true",
            default=None,
            help=f"Write the past's events too (default: up to {EVENTS_UP_TO} past bookings).",
        )
        parser.add_argument("--no-events", action="store_false", dest="events")

    def handle(self, *, company, bookings, drivers, history, seed, date, events, **options):
        drivers = max(1, round(bookings / 9)) if drivers is None else drivers
        for name, value, most in (
            ("--bookings", bookings, 100_000),
            ("--drivers", drivers, 20_000),
            ("--history", history, 20_000_000),
            ("--seed", seed, 10_000),
        ):
            if not 0 <= value <= most:
                raise CommandError(f"{name} must be between 0 and {most}.")
        if history and not drivers:
            raise CommandError("A past needs at least one driver.")
        if Company.objects.filter(slug=company).exists():
            raise CommandError(
                f"There is a company “{company}” already: choose another --company. "
                "(Its log cannot be deleted, so it cannot be replaced.)"
            )
        now = timezone.now()
        began = time.monotonic()
        with transaction.atomic():
            made = seed_scenario(
                company,
                day=date,
                bookings=bookings,
                drivers=drivers,
                history=history,
                seed=seed,
                events=history <= EVENTS_UP_TO if events is None else events,
                now=now,
                actor=Actor(Door.COMMAND, name="seed_scenario"),
            )
        return (
            f"{made.slug}: {bookings} open bookings on {made.day}, {drivers} drivers, "
            f"{history} completed bookings on {made.past_days} days before, "
            f"in {timedelta(seconds=round(time.monotonic() - began))}."
        )
