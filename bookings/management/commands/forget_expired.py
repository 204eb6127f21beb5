from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.privacy import unnamed
from bookings.privacy.retention import MOST, expired, forget_expired, keeping, kept_since


class Command(BaseCommand):
    help = (
        "Forget the clients whom their company keeps no longer (its “forget clients”), at most "
        f"{MOST} of each company, and remove what trips as old without a client say of people, at "
        f"most {unnamed.MOST} trips. `clear_expired` does it daily."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say whom it would be; write nothing."
        )

    def handle(self, dry_run, **options):
        now, people, trips = timezone.now(), 0, 0
        if dry_run:
            for company in keeping():
                for client in expired(company, now=now)[:MOST]:
                    self.stdout.write(f"{company.slug} {client.pk} {client.name}")
                    people += 1
                since = kept_since(company, now=now)
                trips += unnamed.old_trips(company, since=since).count()
            return _(
                "%(people)d people would be forgotten, %(trips)d trips without a client emptied."
            ) % {"people": people, "trips": trips}
        for done in forget_expired(now=now):
            people, trips = people + done.people, trips + done.trips
        return _("%(people)d people forgotten, %(trips)d trips without a client emptied.") % {
            "people": people,
            "trips": trips,
        }
