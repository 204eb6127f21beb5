from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.webhooks.worker import clear_deliveries
from dispatch.runs.previews import clear_previews
from drivers.db.statistics import refresh_statistics
from drivers.rest.idempotency_keys import clear_idempotency_keys


class Command(BaseCommand):
    help = (
        "Delete expired records: answers to idempotency keys (1 day), webhook deliveries (30 days) "
        "and previews that were not applied (7 days); let SQLite count its rows. Run it daily."
    )

    def handle(self, **options):
        now = timezone.now()
        refresh_statistics()
        return _(
            "%(answers)d answers, %(deliveries)d deliveries and %(previews)d previews cleared."
        ) % {
            "answers": clear_idempotency_keys(now=now),
            "deliveries": clear_deliveries(now=now),
            "previews": clear_previews(now=now),
        }
