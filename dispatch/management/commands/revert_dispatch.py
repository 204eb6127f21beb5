import json

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bookings.models import Actor, Door
from dispatch.models import DispatchRun
from dispatch.runs.revert import revert_run


class Command(BaseCommand):
    help = "Revert a dispatch run: restore the assignments from before it."

    def add_arguments(self, parser):
        parser.add_argument(
            "run", type=int, metavar="RUN", help="Number of the plan, as its report says it."
        )
        parser.add_argument("--json", action="store_true", help="Print the report as JSON.")

    def handle(self, *, run, **options):
        found = DispatchRun.objects.select_related("company").filter(id=run).first()
        if found is None:
            raise CommandError(f"There is no plan with the number {run}.")
        actor = Actor(Door.COMMAND, name="revert_dispatch")
        report = revert_run(found, now=timezone.now(), actor=actor)
        if options["json"]:
            return json.dumps(report.as_dict(), indent=2, ensure_ascii=False)
        return report.summary()
