import signal
import threading

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import gettext as _

from dispatch.runs.queue import tend, tend_forever


class Command(BaseCommand):
    help = (
        "Look after plans whose worker has died: what runs in the background is begun again, the "
        "rest fails and frees its day. Workers do so themselves; a timer that calls this every "
        "minute covers the night in which all of them died."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--every", type=float, metavar="SECONDS", help="Go on, every so many seconds."
        )

    def handle(self, *, every, **options):
        if every is not None:
            stop = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_about: stop.set())
            tend_forever(stop, every)
            return None
        done = tend(now=timezone.now())
        return _("%(count)d plans whose worker had died were looked after.") % {
            "count": done.total()
        }
