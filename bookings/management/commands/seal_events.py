from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from bookings.privacy.sealing import seal_events


class Command(BaseCommand):
    help = (
        "Seal what the log said of clients before it sealed by itself. Run it once; stopped, it "
        "goes on where it was."
    )

    def handle(self, **options):
        looked, sealed = 0, 0
        for last, count in seal_events():
            sealed += count
            if self.stdout.isatty() and last // 100_000 > looked:
                looked = last // 100_000
                self.stdout.write(f"… {last}")
        return _("%(count)d events sealed.") % {"count": sealed}
