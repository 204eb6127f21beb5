from django.utils.translation import ngettext

from bookings.webhooks.worker import deliver
from drivers.management.until_stopped import UntilStopped


class Command(UntilStopped):
    help = "Send new events to the companies' webhooks until stopped."
    every_s = 1.0

    def do_what_is_due(self, *, now, stopped):
        return deliver(now=now, stopped=stopped.is_set)

    def handle(self, *, once, every, **options):
        tried = self.work(once=once, every=every)
        return ngettext(
            "%(count)d delivery attempted.", "%(count)d deliveries attempted.", tried
        ) % {"count": tried}
