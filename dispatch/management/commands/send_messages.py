from django.utils.translation import ngettext

from dispatch.messages.worker import send_messages
from drivers.management.until_stopped import UntilStopped


class Command(UntilStopped):
    help = "Send the companies' messages to clients and their contacts until stopped."
    every_s = 2.0

    def do_what_is_due(self, *, now, stopped):
        return send_messages(now=now, stopped=stopped.is_set)

    def handle(self, *, once, every, **options):
        tried = self.work(once=once, every=every)
        return ngettext("%(count)d message attempted.", "%(count)d messages attempted.", tried) % {
            "count": tried
        }
