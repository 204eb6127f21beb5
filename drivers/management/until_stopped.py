import signal
import threading
from datetime import datetime

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone


class UntilStopped(BaseCommand):
    """A command that does what is due, again and again, until it is asked to stop."""

    every_s: float

    def do_what_is_due(self, *, now: datetime, stopped: threading.Event) -> int:
        """Do it, begin no more once `stopped` is set, and return how much was tried."""
        raise NotImplementedError  # each command has its own

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="Stop when nothing is due.")
        parser.add_argument(
            "--every", type=float, default=self.every_s, metavar="SECONDS",
            help=f"Seconds to wait when nothing is due (default: {self.every_s:g}).",
        )  # fmt: skip

    def work(self, *, once: bool, every: float) -> int:
        """Work until stopped, or once with `once`; return how much was tried in all."""
        stopped = threading.Event()
        if not once:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_signal: stopped.set())
        tried = 0
        while not stopped.is_set():
            done = self.do_what_is_due(now=timezone.now(), stopped=stopped)
            tried += done
            if not done:
                if once:
                    break
                stopped.wait(every)
        return tried
