from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone, translation

from dispatch.models import DispatchRun
from dispatch.runs.worker import take_over, work


class Command(BaseCommand):
    help = "Plan a queued dispatch run; the server starts this command itself."

    def add_arguments(self, parser):
        parser.add_argument(
            "run", type=int, metavar="RUN", help="Number of the plan, as its report says it."
        )
        parser.add_argument(
            "--language",
            default=settings.LANGUAGE_CODE,
            choices=[code for code, _name in settings.LANGUAGES],
            help="Language of the sentences that the run stores; default: %(default)s.",
        )

    def handle(self, *, run, language, **options):
        taken = take_over(run, now=timezone.now())
        if taken is None:
            known = DispatchRun.objects.select_related("company").filter(id=run).first()
            if known is None:
                raise CommandError(f"There is no plan with the number {run}.")
            return f"The plan of {known.started_clock} is not queued."
        with translation.override(language):
            return work(taken).summary()
