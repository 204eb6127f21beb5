from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from bookings.models.seals import UnknownMasterKey
from bookings.privacy.sealing import rewrap_keys


class Command(BaseCommand):
    help = (
        "Keep all clients' keys under the first of SEALING_KEYS; then the others are not needed "
        "any more. Stopped, it goes on where it was."
    )

    def handle(self, **options):
        try:
            count = sum(rewrap_keys())
        except UnknownMasterKey as problem:
            raise CommandError(str(problem)) from None
        return _("%(count)d keys wrapped anew.") % {"count": count}
