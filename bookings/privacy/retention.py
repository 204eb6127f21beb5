"""Forget whom a company keeps no longer: clients without trips for so many months.

What older trips without a client say of people goes too (`bookings.privacy.unnamed`).
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from bookings.models import Booking, Client, Series
from bookings.models.seals import ERASED
from bookings.privacy.forget import CannotForget, forget
from bookings.privacy.unnamed import strip_unnamed
from drivers.companies.actors import Actor, Door
from drivers.models import Company

logger = logging.getLogger(__name__)
MONTH = timedelta(days=365.25 / 12)
MOST = 500  # people of a company in one call; the next one goes on


class Forgotten(NamedTuple):
    """How many clients a company has forgotten, and how many trips without one were emptied."""

    company: Company
    people: int
    trips: int


def keeping() -> QuerySet[Company]:
    """Return the companies that forget somebody, in order of id: 1 statement."""
    return Company.objects.filter(forget_after_months__gt=0).order_by("id")


def kept_since(company: Company, *, now: datetime) -> datetime:
    """Return since when the company keeps what trips say of people."""
    return now - company.forget_after_months * MONTH


def expired(company: Company, *, now: datetime) -> QuerySet[Client]:
    """Return the clients whom the company keeps no longer, in order of id: 1 statement.

    None where its policy forgets nobody. Whoever never had a trip stays: it is not known since
    when; so does whoever has a standing order that goes on.
    """
    if not company.forget_after_months:
        return Client.objects.none()
    since = kept_since(company, now=now)
    trips = Booking.objects.filter(client=OuterRef("pk"))
    goes_on = Q(last_day=None) | Q(last_day__gte=since.date())
    orders = Series.objects.filter(goes_on, client=OuterRef("pk"))
    return (
        Client.objects.filter(Exists(trips), company=company)
        .exclude(name__startswith=ERASED)
        .exclude(Exists(trips.filter(scheduled_time__gte=since)))
        .exclude(Exists(trips.open()))
        .exclude(Exists(orders))
        .order_by("id")
    )


def forget_expired(*, now: datetime, most: int = MOST) -> Iterator[Forgotten]:
    """Forget the expired clients of every company, and empty its old trips without a client.

    Yields what was done, for companies where something was. At most `most` clients of each
    company, and `bookings.privacy.unnamed.MOST` trips. Killed, the next call goes on.
    """
    actor = Actor(Door.COMMAND, name="forget_expired")
    for company in keeping():
        months = company.forget_after_months
        reason = _("no trip for %(months)d months") % {"months": months}
        people = 0
        for client in expired(company, now=now)[:most]:
            try:
                people += forget(client, reason=reason, actor=actor, now=now) is not None
            except CannotForget as refusal:  # booked at this moment
                logger.info("Client %d stays: %s", client.pk, refusal)
        trips = strip_unnamed(company, since=kept_since(company, now=now), now=now)
        if people or trips:
            yield Forgotten(company, people, trips)
