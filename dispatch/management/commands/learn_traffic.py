from django.core.management.base import BaseCommand
from django.utils import timezone

from bookings.models import Actor, Door
from dispatch.traffic.learn import WEEKS, learn_traffic
from drivers.management.arguments import add_company, company_of


class Command(BaseCommand):
    help = "Learn how much slower drives are by the hour of the week from completed trips."

    def add_arguments(self, parser):
        add_company(parser)
        parser.add_argument(
            "--weeks",
            type=int,
            default=WEEKS,
            help=f"Weeks up to yesterday to learn from, 1 to 52; default {WEEKS}.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Show what would be learned; write nothing."
        )

    def handle(self, *, company, weeks, dry_run, **options):
        return learn_traffic(
            company_of(company),
            now=timezone.now(),
            actor=Actor(Door.COMMAND, name="learn_traffic"),
            weeks=weeks,
            dry_run=dry_run,
        ).summary()
