from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dispatch.apply import StalePlan
from dispatch.background import take_over, work
from dispatch.planner.solve import TooManyTrips
from dispatch.run import PlanRefused


class Command(BaseCommand):
    help = "Plan a queued dispatch run; the server starts this by itself."

    def add_arguments(self, parser):
        parser.add_argument("run", type=int, metavar="RUN", help="Number of the run.")

    def handle(self, *, run, **options):
        taken = take_over(run, now=timezone.now())
        if taken is None:
            return f"Run #{run} is not queued."
        try:
            return work(taken).summary()
        except (PlanRefused, StalePlan, TooManyTrips) as error:
            raise CommandError(str(error)) from error
