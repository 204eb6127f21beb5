from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from dispatch.management.arguments import add_day
from drivers.management.arguments import add_company, company_of
from perf.management.profiling import add_profiling, options_of, shown
from perf.project.profile_dispatch import profile_dispatch
from perf.trends.headlines import remember_profile
from perf.trends.store import add_record


class Command(BaseCommand):
    help = "Profiles one whole dispatch, and takes it back: statements, plans, loops, indexes."

    def add_arguments(self, parser):
        add_company(parser)
        add_day(parser)
        parser.add_argument(
            "--time-limit",
            type=float,
            metavar="SECONDS",
            help="Seconds for planning; default: by the size of the day, 3 to 60.",
        )
        parser.add_argument(
            "--fast",
            action="store_true",
            help="Plan without search (the same as --time-limit 0): for the statements alone.",
        )
        add_profiling(parser)
        add_record(parser)

    def handle(self, *, company, day, time_limit, fast, record, **options):
        if time_limit is not None and not 0 <= time_limit <= 3600:
            raise CommandError("--time-limit must be between 0 and 3600 seconds.")
        if fast and time_limit:
            raise CommandError(_("--fast plans without search: leave --time-limit out."))
        profile = profile_dispatch(
            company_of(company),
            day,
            now=timezone.now(),
            time_limit_s=0 if fast else time_limit,
            **options_of(options),
        )
        if record:
            remember_profile(profile)
        return shown(self, profile, options)
