from django.utils.translation import ngettext

from dispatch.forecast.keep import keep_forecasts
from drivers.management.until_stopped import UntilStopped


class Command(UntilStopped):
    help = (
        "Keep the expected times of the running day's trips, and tell who becomes late, until "
        "stopped."
    )
    every_s = 0.5

    def do_what_is_due(self, *, now, stopped):
        return keep_forecasts(now=now, stopped=stopped.is_set)

    def handle(self, *, once, every, **options):
        kept = self.work(once=once, every=every)
        return ngettext("%(count)d forecast kept.", "%(count)d forecasts kept.", kept) % {
            "count": kept
        }
