from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.webhooks.worker import clear_deliveries
from dispatch.runs.previews import clear_previews
from drivers.rest.stored_answers import clear_answers


class Command(BaseCommand):
    help = (
        "Delete what is kept for a while only: answers to idempotency keys (a day), the log of "
        "webhook deliveries (30 days), previews that nobody applied (7 days). For a daily timer."
    )

    def handle(self, **options):
        now = timezone.now()
        return _(
            "%(answers)d answers, %(deliveries)d deliveries and %(previews)d previews cleared."
        ) % {
            "answers": clear_answers(now=now),
            "deliveries": clear_deliveries(now=now),
            "previews": clear_previews(now=now),
        }
