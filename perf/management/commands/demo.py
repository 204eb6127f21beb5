from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dispatch.runs.apply import StalePlan
from dispatch.runs.claim import DayBusy
from dispatch.runs.run import PlanRefused
from perf.demo import BOOKINGS, DRIVERS, DemoRefusedError, run_demo


class Command(BaseCommand):
    help = (
        f"Shows a dispatch: a company in Geneva with {BOOKINGS} bookings tomorrow and {DRIVERS} "
        "drivers, made where missing, planned, and printed."
    )

    def handle(self, **options):
        try:
            return run_demo(now=timezone.now()).summary()
        except (DemoRefusedError, DayBusy, PlanRefused, StalePlan) as error:
            raise CommandError(str(error)) from error
