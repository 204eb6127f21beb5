from argparse import REMAINDER

from django.core.management.base import BaseCommand
from django.utils import timezone

from perf.management.profiling import add_profiling, options_of, shown
from perf.profiling.targets import profile_command


class Command(BaseCommand):
    help = (
        "Profiles a management command, run twice, and takes back what it writes to the databases "
        "(not files, mails or calls)."
    )

    def add_arguments(self, parser):
        add_profiling(parser)
        parser.add_argument("name", metavar="COMMAND", help="Such as clearsessions.")
        parser.add_argument(
            "arguments",
            nargs=REMAINDER,
            metavar="...",
            help="Its own arguments: what follows its name. Options of the profile come before it.",
        )

    def handle(self, *, name, arguments, **options):
        profile = profile_command(name, arguments, now=timezone.now(), **options_of(options))
        return shown(self, profile, options)
