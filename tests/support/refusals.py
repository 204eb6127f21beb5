"""All refusals of use-cases, and one of each."""

import pkgutil
from importlib import import_module

from bookings.api.bookings import StaleReference
from bookings.clients import ClientExists
from bookings.intake import IntakeRefused, Outcome
from bookings.models import Client
from bookings.series.foresee import DatesBroken
from bookings.series.overlaps import DatesOverlap
from dispatch.trips.assign import RuleBroken
from dispatch.trips.fleet_changes import TripsBroken
from dispatch.trips.progress import TooEarly
from dispatch.trips.violations import Fault
from drivers.logins.second_factor import CodeRefused
from drivers.refused import refusals
from drivers.rest.idempotency_keys import KeyInUse, KeyReused
from tests.support import builders as make

APPS = ("drivers", "bookings", "dispatch")
OUTCOME = Outcome(errors={"reference": [("taken", "It is taken.")]})
# Those that are not made of a sentence.
MADE = {
    ClientExists: lambda: ClientExists(Client(pk=7), ["phone"]),
    CodeRefused: CodeRefused,
    DatesBroken: lambda: DatesBroken([]),
    DatesOverlap: lambda: DatesOverlap([]),
    IntakeRefused: lambda: IntakeRefused([OUTCOME]),
    KeyInUse: KeyInUse,
    KeyReused: KeyReused,
    RuleBroken: lambda: RuleBroken([Fault("lacks_skill", "It lacks oxygen.")]),
    StaleReference: lambda: StaleReference(OUTCOME),
    TooEarly: lambda: TooEarly("It is planned for tomorrow.", make.NOW),
    TripsBroken: lambda: TripsBroken([]),
}


def import_all():
    """Import every module of the apps but migrations: whoever defines a refusal is known then."""
    for app in APPS:
        for module in pkgutil.walk_packages(import_module(app).__path__, f"{app}."):
            if ".migrations" not in module.name:
                import_module(module.name)


def every_refusal():
    """Return one refusal of each class of the apps, by name."""
    import_all()
    found = [each for each in refusals() if each.__module__.split(".")[0] in APPS]
    made = [MADE.get(each, lambda each=each: each("No, for a reason."))() for each in found]
    return sorted(made, key=lambda each: type(each).__name__)
