from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.privacy.forget import finish_all
from bookings.privacy.readings import clear_readings
from bookings.privacy.retention import forget_expired
from bookings.webhooks.worker import clear_deliveries
from dispatch.messages.worker import clear_messages
from dispatch.reports.refresh import clear_roster_changes
from dispatch.runs.previews import clear_previews
from dispatch.trips.clear_log import clear_log
from dispatch.trips.taps import clear_taps
from drivers.db.statistics import refresh_statistics
from drivers.rest.idempotency_keys import clear_idempotency_keys


class Command(BaseCommand):
    help = (
        "Delete expired records: answers to idempotency keys (1 day), webhook deliveries (30 "
        "days), previews that were not applied (7 days), taps on phones (30 days), messages (30 "
        "days after the trip), who has read of clients (400 days), notes of the shifts of drivers "
        "who are gone; forget the clients whom their company keeps no longer, and what its old "
        "trips say of others; delete the log of old trips where their company keeps it for months "
        "only; let SQLite count its rows. Run it daily."
    )

    def handle(self, **options):
        now = timezone.now()
        refresh_statistics()
        clear_roster_changes()
        people, trips = finish_all(now=now), 0
        for done in forget_expired(now=now):
            people, trips = people + done.people, trips + done.trips
        if people or trips:
            self.stdout.write(
                _("%(people)d people forgotten, %(trips)d trips without a client emptied.")
                % {"people": people, "trips": trips}
            )
        for cleared in clear_log(now=now):
            self.stdout.write(
                _("%(company)s: %(events)d events and %(assignments)d assignments deleted.")
                % cleared._asdict()
            )
        return _(
            "%(answers)d answers, %(deliveries)d deliveries, %(previews)d previews, %(taps)d taps, "
            "%(messages)d messages and %(readings)d readings cleared."
        ) % {
            "answers": clear_idempotency_keys(now=now),
            "deliveries": clear_deliveries(now=now),
            "previews": clear_previews(now=now),
            "taps": clear_taps(now=now),
            "messages": clear_messages(now=now),
            "readings": clear_readings(now=now),
        }
