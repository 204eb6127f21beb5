"""Exchange the vehicles of two drivers in one step.

One after the other would not do: in between, one vehicle would be in two shifts at once. Their
shifts that have not begun and name one of the two vehicles follow; what has begun, and shifts that
name a third vehicle, stay.
"""

from collections.abc import Collection
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from drivers.companies.actors import Actor
from drivers.fleet.changes import GUARDS, StaleRow, VehicleTaken, first_taken
from drivers.models import Driver, Shift, driven_by
from drivers.refused import Refused


class NothingToExchange(Refused):
    """The two drivers are one, are of two companies, or have the same vehicle; nothing changed."""

    code = "nothing_to_exchange"
    status = 400
    field = "driver"


def exchange_vehicles(
    first: Driver,
    second: Driver,
    *,
    actor: Actor,
    now: datetime,
    agreed: Collection[int] = (),
) -> tuple[list[Driver], list[Any]]:
    """Give each driver the vehicle of the other: at most 11 statements besides the guards'.

    Returns (the drivers as they are now, in order of id, what gave way): `agreed` are the ids of
    the assignments that may be released. Raises NothingToExchange, StaleRow, VehicleTaken, and what
    the guards raise.
    """
    if first.pk == second.pk or first.company_id != second.company_id:
        raise NothingToExchange(_("Choose two different drivers of one company."))
    ids = sorted([first.pk, second.pk])
    gave_way: list[Any] = []
    with transaction.atomic():
        locked = Driver.objects.filter(id__in=ids).order_by("id").select_for_update(no_key=True)
        one, other = _both(list(locked), first)
        if one.vehicle_id == other.vehicle_id:
            raise NothingToExchange(_("Both drivers have the same vehicle, or none."))
        with ExitStack() as stack:
            results = [
                stack.enter_context(
                    guard(ids, actor=actor, now=now, agreed=agreed, reason=_("vehicles exchanged"))
                )
                for guard in GUARDS
            ]
            _exchange(one, other, now)
        for result in results:
            gave_way.extend(result)
    return [one, other], gave_way


def _both(locked: list[Driver], named: Driver) -> tuple[Driver, Driver]:
    if len(locked) < 2:
        raise StaleRow(
            _("Someone else has changed “%(row)s”. Read it again and retry.") % {"row": named}
        )
    return locked[0], locked[1]


def _exchange(one: Driver, other: Driver, now: datetime) -> None:
    before = one.vehicle_id, other.vehicle_id
    coming = Shift.objects.filter(start_at__gte=now)
    of_one, of_other = (
        coming.filter(driver=driver.pk, vehicle=driver.vehicle_id) for driver in (one, other)
    )
    leaving = Shift.objects.filter(
        Q(driver=one.pk, vehicle=before[0]) | Q(driver=other.pk, vehicle=before[1]),
        start_at__gte=now,
    ).values("pk")
    for moving, vehicle_id in ((of_one, before[1]), (of_other, before[0])):
        taken = vehicle_id and first_taken(moving, vehicle_id, now, besides=leaving)
        if taken:
            raise VehicleTaken(driven_by(taken))
    ids = list(of_one.values_list("pk", flat=True))
    of_one.update(vehicle=None)  # in no moment two at once
    of_other.update(vehicle=before[0])
    Shift.objects.filter(id__any_of=ids).update(vehicle=before[1])
    one.vehicle_id, other.vehicle_id = before[1], before[0]
    Driver.objects.bulk_update([one, other], ["vehicle"])
