from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch.invariants.find import find_broken, in_words
from drivers.management.arguments import company_of

DAYS_AT_MOST = 36_500


class Command(BaseCommand):
    help = (
        "Check what must hold in the database: statuses and assignments agree, nobody is in two "
        "places at once, the log tells what the rows are, runs have ended or are worked on. It "
        "only reads, as of one moment; what it finds is an error (exit 1)."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--company", metavar="SLUG", help="Short name of the only company (default: all)."
        )
        parser.add_argument(
            "--days",
            type=int,
            metavar="N",
            help="Only bookings requested in the last N days or later (default: all).",
        )
        parser.add_argument(
            "--at-rest",
            action="store_true",
            help="No run may be under way, as in a restored backup that nobody works on.",
        )

    def handle(self, *, company, days, at_rest, **options):
        since = None
        if days is not None:
            if not 0 <= days <= DAYS_AT_MOST:
                raise CommandError(f"--days: use a number from 0 to {DAYS_AT_MOST}, not {days}.")
            since = timezone.now() - timedelta(days=days)
        found = find_broken(company_of(company) if company else None, since=since, at_rest=at_rest)
        if not found:
            return _("All that must hold holds.")
        for line in in_words(found):
            self.stderr.write(line)
        raise CommandError(
            ngettext("%(count)d rule is broken.", "%(count)d rules are broken.", len(found))
            % {"count": len(found)}
        )
