from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone, translation

from dispatch.runs.worker import take_over, work


class Command(BaseCommand):
    help = "Plan a queued dispatch run; the server starts this command itself."

    def add_arguments(self, parser):
        parser.add_argument("run", type=int, metavar="RUN", help="Number of the run.")
        parser.add_argument(
            "--language",
            default=settings.LANGUAGE_CODE,
            choices=[code for code, _name in settings.LANGUAGES],
            help="Language of the sentences that the run stores; default: %(default)s.",
        )

    def handle(self, *, run, language, **options):
        taken = take_over(run, now=timezone.now())
        if taken is None:
            return f"Run #{run} is not queued."
        with translation.override(language):
            return work(taken).summary()
