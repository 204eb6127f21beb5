from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from drivers.models import Company


class Command(BaseCommand):
    help = "Create a company with the default planning policy, which the admin can change."

    def add_arguments(self, parser):
        parser.add_argument("--slug", required=True, help="Short name: letters, digits, hyphens.")
        parser.add_argument("--name", help="Full name (default: the short name).")
        parser.add_argument(
            "--timezone", required=True, help="IANA timezone, such as Europe/Zurich."
        )
        parser.add_argument(
            "--depot",
            required=True,
            metavar="LAT,LON",
            help="Position of the depot in degrees, such as 46.17,6.1235; "
            "write --depot=-33.9,18.4 if it begins with a minus.",
        )

    def handle(self, *, slug, name, timezone, depot, **options):
        try:
            lat, lon = (float(degrees) for degrees in depot.split(","))
        except ValueError:
            raise CommandError(
                _("--depot: “%(depot)s” is not LAT,LON in degrees.") % {"depot": depot}
            ) from None
        company = Company(
            slug=slug, name=name or slug, timezone=timezone, depot_lat=lat, depot_lon=lon
        )
        try:
            company.full_clean()
        except ValidationError as error:
            raise CommandError(
                " ".join(
                    f"{field}: {' '.join(messages)}"
                    for field, messages in error.message_dict.items()
                )
            ) from error
        company.save(force_insert=True)
        return _("Company %(slug)s created.") % {"slug": slug}
