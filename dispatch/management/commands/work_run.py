from django.core.management.base import BaseCommand, CommandError

from dispatch.models import DispatchRun
from dispatch.runs.queue import next_queued
from dispatch.runs.slots import slot
from dispatch.runs.worker import take_turn, work
from drivers.refused import Refused


class Command(BaseCommand):
    help = (
        "Plan the dispatch runs that wait for a worker, one after the other, whose turn it is; the "
        "server starts this command itself when one is queued. Where as many of them run as the "
        "machine has processors, it leaves the run to them."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "run", type=int, metavar="RUN", help="Number of the plan, as its report says it."
        )

    def handle(self, *, run, **options):
        if not DispatchRun.objects.filter(id=run).exists():
            raise CommandError(f"There is no plan with the number {run}.")
        while next_queued() is not None:
            with slot() as is_free:
                if not is_free:
                    return "All processors are planning; whoever is ready first takes this one."
                while (taken := take_turn()) is not None:
                    self._plan(taken)
            # What came while the slot was taken for busy is seen by the next look.
        return None

    def _plan(self, taken):
        try:
            self.stdout.write(work(taken).summary())
        except Refused as refused:  # the failed run says why; the next one is another company's
            self.stderr.write(str(refused))
