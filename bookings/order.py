"""The order of linked trips as they are wanted: the return trip after the outbound trip.

Whoever books or changes one of the two asks and says it here. What the plan makes of the two is
another rule, the planner's: `dispatch/planner/rules/order.py`.
"""

from datetime import datetime

from django.utils.translation import gettext as _

from drivers.models import Company


def is_wanted_after(
    back_at: datetime,
    there_at: datetime,
    appointment_at: datetime | None,
    *,
    will_call: bool = False,
) -> bool:
    """Return whether a return trip is wanted after its outbound trip and its appointment.

    The time of a will-call is the earliest possible: it may be that of the appointment.
    """
    latest_at = _latest(there_at, appointment_at)
    return back_at > latest_at or (will_call and back_at == latest_at)


def enter_after(
    company: Company, outbound: object, there_at: datetime, appointment_at: datetime | None
) -> str:
    """Say of a return trip that it is not wanted after this outbound trip."""
    message = _("Enter a time after the outbound trip %(trip)s, which is wanted at %(at)s.")
    at = company.day_and_clock(_latest(there_at, appointment_at))
    return message % {"trip": outbound, "at": at}


def enter_before(company: Company, way_back: object, back_at: datetime) -> str:
    """Say of an outbound trip that this return trip is not wanted after it."""
    message = _("Enter a time before the return trip %(trip)s, which is wanted at %(at)s.")
    return message % {"trip": way_back, "at": company.day_and_clock(back_at)}


def out_of_order() -> str:
    """Say it of two trips that are about to be booked together."""
    return _("The return trip must be after the outbound trip and its appointment.")


def _latest(there_at: datetime, appointment_at: datetime | None) -> datetime:
    return max(there_at, appointment_at) if appointment_at else there_at
