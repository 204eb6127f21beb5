from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.models import Actor, Client, Door, Reading
from bookings.privacy.export import export_person
from bookings.privacy.readings import note_reading


class Command(BaseCommand):
    help = "Write everything that is stored of one client to the standard output, as JSON."

    def add_arguments(self, parser):
        parser.add_argument(
            "--company", required=True, metavar="SLUG", help="Short name of the company."
        )
        parser.add_argument(
            "--client", required=True, type=int, metavar="ID", help="The client's number."
        )

    def handle(self, company, client, **options):
        found = Client.objects.filter(company__slug=company, pk=client).first()
        if found is None:
            raise CommandError(
                _("There is no client %(id)d of “%(company)s”.")
                % {"id": client, "company": company}
            )
        actor = Actor(Door.COMMAND, name="export_person")
        note_reading(found, Reading.What.EXPORT, actor=actor, now=timezone.now())
        for piece in export_person(found):
            self.stdout.write(piece, ending="")
