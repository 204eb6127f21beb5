from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch.reports.refresh import refresh_all
from drivers.models import Company


class Command(BaseCommand):
    help = (
        "Count the daily figures of all companies anew that have changed, so that reports open at "
        "once. Run it daily, and after an upgrade that brings reports: a report by itself counts "
        "a month of changed days at a time."
    )

    def handle(self, **options):
        done, failed = refresh_all(Company.objects.order_by("id"), now=timezone.now())
        said = [_("%(days)d days counted.") % {"days": sum(one.counted for one in done)}]
        if guessed := sum(one.guessed for one in done):
            text = ngettext(
                "%(days)d of them by straight lines, as the road server did not answer: it is "
                "counted again.",
                "%(days)d of them by straight lines, as the road server did not answer: they are "
                "counted again.",
                guessed,
            )
            said.append(text % {"days": guessed})
        if failed:
            text = ngettext(
                "%(companies)d company failed: see the log.",
                "%(companies)d companies failed: see the log.",
                failed,
            )
            raise CommandError(" ".join([*said, text % {"companies": failed}]))
        return " ".join(said)
