from django.core.management.base import BaseCommand
from django.utils import timezone

from perf.project.demo import BOOKINGS, DRIVERS, run_demo


class Command(BaseCommand):
    help = (
        f"Shows a dispatch: a company in Geneva with {BOOKINGS} bookings tomorrow and {DRIVERS} "
        "drivers, made where missing, planned, and printed."
    )

    def handle(self, **options):
        return run_demo(now=timezone.now()).summary()
