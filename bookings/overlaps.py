"""Ask whether a client is meant to be driven twice at once, wherever a trip is booked or moved.

Most such bookings are slips: the same trip twice, or a wrong time. It is a question, no
prohibition: a booking that is for somebody else of that name (`overlap_meant`) is saved. What the
plan makes of the others is another rule, the planner's: `dispatch/day/pairs.py`.

A trip lasts from its wanted pickup for boarding, the ride as the crow flies times the company's
detour, and alighting. Linked trips have an order of their own (`bookings/order.py`), and the time
of a will-call is not known. Moments; periods are half-open.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.models import Booking
from bookings.own_places import boarding_at
from drivers.models import Company, km_between

OVERLAPS = "overlaps"  # the code of the question
OVERLAP_MEANT = "overlap_meant"  # the name of the answer: a field of every door
# No trip that is still under way began so long ago.
LONGEST = timedelta(hours=12)
# Fields whose change may let two trips of a client overlap.
OVERLAPPING = {"client", "scheduled_time", "overlap_meant", "return_of"}
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Ride:
    """A trip as it is wanted; `key` names it, `linked` its outbound and its return trip."""

    key: Hashable
    person: Hashable
    client: str
    label: str
    start_at: datetime
    end_at: datetime
    linked: frozenset[Hashable] = frozenset()


def lasts(company: Company, values: Mapping[str, Any], *, at_place: int | None) -> timedelta:
    """Return about how long somebody is on the way, by the fields of a booking.

    `at_place` are the boarding minutes of the company's place at the pickup.
    """
    km = company.circuity * km_between(
        values["pickup_lat"], values["pickup_lon"], values["dropoff_lat"], values["dropoff_lon"]
    )
    boarding = company.boarding(
        passengers=values.get("passengers", 1),
        wheelchairs=values.get("wheelchairs", 0),
        needs=values.get("needs", ()),
        at_place=at_place,
    )
    minutes = boarding + company.alighting_min + 60 * km / company.speed_kmh
    return timedelta(minutes=round(minutes))


def overlapping(asked: Iterable[Ride], others: Iterable[Ride]) -> dict[Hashable, Ride]:
    """Return {key of an asked ride: another one of its person at the same time}."""
    by_person: dict[Hashable, list[Ride]] = {}
    wanted = {}
    for ride in asked:
        wanted[ride.key] = ride
        by_person.setdefault(ride.person, []).append(ride)
    for ride in others:
        if ride.key not in wanted and ride.person in by_person:
            by_person[ride.person].append(ride)
    found: dict[Hashable, Ride] = {}
    for rides in by_person.values():
        under_way: list[tuple[datetime, int, Ride]] = []  # a heap by their ends
        for i, ride in enumerate(sorted(rides, key=lambda ride: ride.start_at)):
            while under_way and under_way[0][0] <= ride.start_at:
                heappop(under_way)
            for _end_at, _i, other in under_way:
                if ride.key in other.linked or other.key in ride.linked:
                    continue
                found.setdefault(ride.key, other)
                found.setdefault(other.key, ride)
                break
            heappush(under_way, (ride.end_at, i, ride))
    return {key: other for key, other in found.items() if key in wanted}


def question(company: Company, ride: Ride) -> str:
    """Say that the client is already on this trip."""
    return _("%(client)s is already driven from %(from)s to about %(until)s: trip %(trip)s.") % {
        "client": ride.client or _("The client"),
        "from": company.clock(ride.start_at),
        "until": company.clock(ride.end_at),
        "trip": ride.label,
    }


def read_rides(
    company: Company,
    whose: Q,
    rides: Collection[Ride],
    *,
    person: Callable[[Mapping[str, Any]], Hashable] = itemgetter("client_id"),
) -> list[Ride]:
    """Return the stored rides of these clients (`whose`) around the given ones: 1 statement.

    Their keys are ids of bookings, their persons ids of clients unless told otherwise.
    """
    rows = (
        Booking.objects.open()
        .filter(
            whose,
            company=company,
            will_call=False,
            overlap_meant=False,
            scheduled_time__gt=min(ride.start_at for ride in rides) - LONGEST,
            scheduled_time__lt=max(ride.end_at for ride in rides),
        )
        .order_by("id")
        .values(
            "id", "reference", "client_id", "client__customer_id", "client__name", "client__phone",
            "scheduled_time", "return_of_id", "pickup_lat", "pickup_lon", "dropoff_lat",
            "dropoff_lon", "passengers", "wheelchairs", "needs", "pickup_place__boarding_min",
        )
    )  # fmt: skip
    return [
        Ride(
            key=row["id"],
            person=person(row),
            client=row["client__name"],
            label=row["reference"] or f"#{row['id']}",
            start_at=row["scheduled_time"],
            end_at=row["scheduled_time"]
            + lasts(company, row, at_place=row["pickup_place__boarding_min"]),
            linked=frozenset([row["return_of_id"]]) - {None},
        )
        for row in rows
    ]


def check_overlap(booking: Booking, changed: Collection[str]) -> None:
    """Ask about another trip of the client at the same time: 1 statement, if it may be so.

    Raises ValidationError for the pickup time.
    """
    if OVERLAPPING.isdisjoint(changed):
        return
    if booking.client_id is None or booking.overlap_meant or booking.will_call:
        return
    company, at = booking.company, booking.scheduled_time
    ride = Ride(
        key=booking.pk,
        person=booking.client_id,
        client="",
        label=str(booking),
        start_at=at,
        end_at=at + lasts(company, vars(booking), at_place=boarding_at(booking.pickup_place)),
        linked=frozenset([booking.return_of_id]) - {None},
    )
    found = overlapping([ride], read_rides(company, Q(client=booking.client_id), [ride]))
    if other := found.get(ride.key):
        raise ask({"scheduled_time": [(question(company, other), other)]})


def ask(questions: Mapping[str, Iterable[tuple[str, Ride]]]) -> ValidationError:
    """Return the questions by field as one refusal; it knows the trips that it asks about."""
    return ValidationError(
        {
            field: [
                ValidationError(text.replace("%", "%%"), OVERLAPS, {"trip_id": ride.key})
                for text, ride in asked
            ]
            for field, asked in questions.items()
        }
    )


def trips_asked(error: ValidationError) -> frozenset[int]:
    """Return the ids of the trips that the refusal asks about."""
    by_field = getattr(error, "error_dict", None)
    parts = [one for errors in by_field.values() for one in errors] if by_field else [error]
    return frozenset(
        one.params["trip_id"]
        for part in parts
        for one in part.error_list
        if one.code == OVERLAPS and one.params
    )


def insist(meant: Collection[int], book: Callable[[bool], Made]) -> Made:
    """Book, and again as meant if just the trips are asked about that were said to be `meant`.

    `book` is told whether the overlap is meant, and takes back all that it wrote if it raises.
    """
    try:
        return book(False)
    except ValidationError as error:
        asked = trips_asked(error)
        if not asked or not asked <= frozenset(meant):
            raise
    return book(True)
