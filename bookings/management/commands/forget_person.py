from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.models import Actor, Client, Door
from bookings.privacy.forget import forget, what_is_known


class Command(BaseCommand):
    help = (
        "Forget one client: remove what is about the person everywhere and destroy the key of the "
        "log; the trips stay without it. Stopped, it goes on where it was."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--company", required=True, metavar="SLUG", help="Short name of the company."
        )
        parser.add_argument(
            "--client", required=True, type=int, metavar="ID", help="The client's number."
        )
        parser.add_argument(
            "--reason", default="", help="Why, at most 200 characters; needed, and kept."
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say how much is known; write nothing."
        )

    def handle(self, company, client, reason, dry_run, **options):
        found = Client.objects.filter(company__slug=company, pk=client).first()
        if found is None:
            raise CommandError(
                _("There is no client %(id)d of “%(company)s”.")
                % {"id": client, "company": company}
            )
        if dry_run:
            known = what_is_known(found)
            return _("%(trips)d trips, %(events)d events, %(places)d saved places are known.") % {
                "trips": known.trips,
                "events": known.events,
                "places": known.places,
            }
        actor = Actor(Door.COMMAND, name="forget_person")
        erasure = forget(found, reason=reason, actor=actor, now=timezone.now())
        if erasure is None:
            return _("Nothing is known of this person any more.")
        return _("Forgotten: %(trips)d trips, %(events)d events.") % {
            "trips": erasure.counts.get("bookings", 0),
            "events": erasure.counts.get("events", 0),
        }
