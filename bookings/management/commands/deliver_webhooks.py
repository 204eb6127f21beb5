import signal
import threading

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import ngettext

from bookings.webhooks.worker import deliver


class Command(BaseCommand):
    help = "Send new events to the companies' webhooks until stopped."

    def add_arguments(self, parser):
        parser.add_argument("--once", action="store_true", help="Stop when no delivery is due.")
        parser.add_argument(
            "--every", type=float, default=1.0, metavar="SECONDS",
            help="Seconds to wait when no delivery is due (default: 1).",
        )  # fmt: skip

    def handle(self, *, once, every, **options):
        stopped = threading.Event()
        if not once:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_signal: stopped.set())
        tried = 0
        while not stopped.is_set():
            done = deliver(now=timezone.now())
            tried += done
            if not done:
                if once:
                    break
                stopped.wait(every)
        return ngettext(
            "%(count)d delivery attempted.", "%(count)d deliveries attempted.", tried
        ) % {"count": tried}
