from django.core.management.base import BaseCommand
from django.utils import timezone

from bookings.models import Actor, Door
from bookings.pickup_times import caveat
from bookings.recompute import recompute
from drivers.management.arguments import add_company, company_of


class Command(BaseCommand):
    help = (
        "Compute the pickups of a company's coming bookings again that follow from their "
        "appointment, after driving times have changed, such as with a new map."
    )

    def add_arguments(self, parser):
        add_company(parser)

    def handle(self, *args, company, **options):
        actor = Actor(Door.COMMAND, name="recompute_pickups")
        changed = recompute(company_of(company), actor=actor, now=timezone.now())
        return " ".join(filter(None, (f"Pickups changed: {changed}.", caveat())))
