"""What is sent to each writing address of the API; `Ask` is one request."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rest_framework.test import APIClient

from bookings.models import (
    Actor,
    Delivery,
    Door,
    DriverPreference,
    Event,
    Pause,
    SavedPlace,
    Series,
    Webhook,
)
from dispatch.trips import decisions
from drivers.models import ApiToken, Customer, Driver, Invitation, Membership, ShiftTemplate
from perf.doors.routes import route_name, routes
from tests.support import builders as make
from tests.support.every_door.columns import FAR_LAT, FAR_LON, PLACE, changes_of
from tests.support.every_door.company import NOW, PLANNED, Busy, gone
from tests.support.every_door.suggested import suggested

WRITING = ("post", "put", "patch", "delete")
DAY = make.DAY.isoformat()
# Which statuses are reported of each trip; what may not follow is refused.
STATUSES = ("assigned", "en_route", "in_progress", "completed", "no_show")
TRIP = {
    "pickup_lat": make.HOME[0],
    "pickup_lon": make.HOME[1],
    "dropoff_lat": make.HOSPITAL[0],
    "dropoff_lon": make.HOSPITAL[1],
    "scheduled_time": make.at("11:00").isoformat(),
}


ORDER = {
    **{name: value for name, value in TRIP.items() if name != "scheduled_time"},
    "weekdays": [2],
    "first_day": DAY,
    "pickup_time": "10:00",
}


class Ask(NamedTuple):
    """A body, what stands for <pk> in the address, and the column that it changes."""

    body: dict[str, Any] | None = None
    pk: int | None = None
    caller: APIClient | None = None
    about: str = ""


def writing_addresses(resolver: Any) -> Iterator[tuple[str, Any]]:
    """Yield ("POST bookings/<pk>/assign/", view) of everything that the API takes.

    A view that is no viewset is taken for one that takes everything it has a method for.
    """
    for route, pattern in routes(resolver):
        if not route.startswith("api/v1/"):
            continue
        view = getattr(pattern.callback, "cls", None)
        actions = getattr(pattern.callback, "actions", None)
        methods = actions if actions is not None else vars(view) if view else ()
        for method in WRITING:
            if method in methods:
                yield f"{method.upper()} {route_name(route).removeprefix('api/v1/')}", view


def _changed(rows: Callable[[Busy], list[Any]]) -> Callable[[Busy], list[Ask]]:
    """Return the requests that change each column of the rows, one at a time."""

    def asks(busy: Busy) -> list[Ask]:
        return [
            Ask(change.api, row.pk, about=column)
            for row in rows(busy)
            for column, changes in changes_of(row, busy).items()
            for change in changes
            if change.api is not None
        ]

    return asks


def _trips(*bodies: dict[str, Any]) -> Callable[[Busy], list[Ask]]:
    """Return the requests about each booking."""
    return lambda busy: [
        Ask(body, row.pk) for row in busy.bookings.values() for body in bodies or ({},)
    ]


def _assignments(*bodies: dict[str, Any]) -> Callable[[Busy], list[Ask]]:
    return lambda busy: [
        Ask(body, busy.trip(name).pk)
        for name, row in busy.bookings.items()
        if row.assignments.exists()
        for body in bodies or ({},)
    ]


def _mine(*bodies: dict[str, Any]) -> Callable[[Busy], list[Ask]]:
    """Return the requests of Anna and Ben about their trips."""
    return lambda busy: [
        Ask(body, trip.booking_id, busy.callers[driver.pk])
        for driver in (busy.anna, busy.ben)
        for trip in driver.assignments.order_by("id")
        for body in bodies or ({},)
    ]


def _given(busy: Busy) -> list[dict[str, Any]]:
    """Return what assigns a trip to each driver: as the rules allow, at a time, against them."""
    at = {"pickup_at": make.at("15:10").isoformat()}
    return [
        {"driver": busy.anna.pk},
        {"driver": busy.ben.pk},
        {"driver": busy.dan.pk},
        {"driver": busy.chloe.pk, **at},
        {"driver": busy.dan.pk, **at, "override": "One car is left."},
        {"driver": busy.ben.pk, "lock": "keep"},
        {"driver": busy.chloe.pk, **at, "lock": "drop"},
    ]


def by_hand(busy: Busy) -> int:
    """Release a trip, which can be undone; return the event of it."""
    actor = Actor(Door.ADMIN, user_id=busy.user.pk)
    decisions.release(busy.company, busy.bookings["ASSIGNED"].pk, actor=actor, now=NOW)
    return Event.objects.latest("id").pk


OVER = {"start_at": make.at("09:00").isoformat(), "end_at": make.at("17:00").isoformat()}


def _periods(busy: Busy) -> list[Ask]:
    """Return periods over the trips of each driver."""
    return [
        Ask({"driver": driver.pk, **OVER})
        for driver in (busy.anna, busy.ben, busy.chloe, busy.dan, busy.eve)
    ]


def _new_bookings(busy: Busy) -> list[dict[str, Any]]:
    """Return new bookings, and known references with another particular."""
    return [
        {"reference": "N-1", **TRIP, "passengers": 60},
        {"reference": "N-2", **TRIP, "dropoff_lat": FAR_LAT, "dropoff_lon": FAR_LON},
        {"reference": "ASSIGNED", **TRIP, "passengers": 60},
        {"reference": "N-3", **TRIP, "return_of": busy.bookings["ASSIGNED"].pk},
    ]


def _only(*bodies: dict[str, Any]) -> Callable[[Busy], list[Ask]]:
    return lambda busy: [Ask(body) for body in bodies]


def _drivers(busy: Busy) -> list[Any]:
    return [busy.anna, busy.ben, busy.chloe]


def _shifts(busy: Busy) -> list[Any]:
    return [driver.shifts.get() for driver in _drivers(busy)]


API_DOORS: dict[str, Callable[[Busy], list[Ask]]] = {
    "PATCH companies/<pk>/": _changed(lambda busy: [busy.company]),
    "POST vehicles/": _only({"plate": "GE NEW", "seats": 0}),
    "PATCH vehicles/<pk>/": _changed(lambda busy: [row.vehicle for row in _drivers(busy)]),
    "POST drivers/": lambda busy: [Ask({"name": "Zoé", "vehicle": busy.anna.vehicle_id})],
    "PATCH drivers/<pk>/": _changed(_drivers),
    "POST drivers/<pk>/exchange-vehicle/": lambda busy: [
        Ask({"driver": other.pk}, driver.pk)
        for driver in _drivers(busy)
        for other in _drivers(busy)
        if other != driver
    ],
    "POST shifts/": _periods,
    "PATCH shifts/<pk>/": _changed(_shifts),
    "DELETE shifts/<pk>/": lambda busy: [Ask(None, row.pk) for row in _shifts(busy)],
    "POST absences/": _periods,
    "PATCH absences/<pk>/": _changed(lambda busy: list(busy.anna.absences.all())),
    "DELETE absences/<pk>/": lambda busy: [Ask(None, busy.anna.absences.get().pk)],
    "POST vehicle-absences/": lambda busy: [
        Ask({"vehicle": driver.vehicle_id, **OVER}) for driver in _drivers(busy)
    ],
    "PATCH vehicle-absences/<pk>/": _changed(lambda busy: list(busy.anna.vehicle.absences.all())),
    "DELETE vehicle-absences/<pk>/": lambda busy: [Ask(None, busy.anna.vehicle.absences.get().pk)],
    "POST series/": lambda busy: [Ask({**ORDER, "client": busy.client.pk})],
    "PATCH series/<pk>/": _changed(lambda busy: [Series.objects.get(company=busy.company)]),
    "POST series/<pk>/foresee/": lambda busy: [Ask({"notes": "x"}, Series.objects.get().pk)],
    "POST series/move/": lambda busy: [
        Ask(
            {
                "series": [Series.objects.get().pk],
                "old_lat": make.HOME[0],
                "old_lon": make.HOME[1],
                "address": "Quai 1",
                "lat": FAR_LAT,
                "lon": FAR_LON,
            }
        )
    ],
    "POST pauses/": lambda busy: [Ask({"client": busy.client.pk, "first_day": DAY})],
    "DELETE pauses/<pk>/": lambda busy: [
        Ask(None, pause.pk) for pause in Pause.objects.filter(company=busy.company)
    ],
    "POST invitations/": _only({"email": "new@example.org", "role": "dispatcher"}),
    "POST invitations/<pk>/resend/": lambda busy: [Ask({}, Invitation.objects.latest("pk").pk)],
    "POST invitations/<pk>/revoke/": lambda busy: [Ask({}, Invitation.objects.latest("pk").pk)],
    "POST tokens/": _only({"name": "portal"}),
    "POST tokens/rotate/": _only({}),
    "POST tokens/<pk>/rotate/": lambda busy: [Ask({}, ApiToken.objects.latest("pk").pk)],
    "PATCH members/<pk>/": lambda busy: [
        Ask(body, _member_of(driver).pk)
        for driver in (busy.anna, busy.ben)
        for body in ({"driver": busy.chloe.pk}, {"driver": None}, {"role": "viewer"})
    ],
    "DELETE members/<pk>/": lambda busy: [Ask(None, _member_of(busy.anna).pk)],
    "POST shift-patterns/": lambda busy: [
        Ask({"driver": busy.anna.pk, "weekday": 1, "start": "06:00", "end": "14:00"})
    ],
    "PATCH shift-patterns/<pk>/": lambda busy: [
        Ask(body, row.pk)
        for row in ShiftTemplate.objects.all()
        for body in (
            {"start": "05:00", "end": "17:00", "weekday": 3, "vehicle": busy.ben.vehicle_id},
            {"driver": busy.ben.pk, "break_min": 30, "break_from": "11:00", "break_until": "13:00"},
        )
    ],
    "DELETE shift-patterns/<pk>/": lambda busy: [
        Ask(None, row.pk) for row in ShiftTemplate.objects.all()
    ],
    "POST shift-patterns/fill/": _only({"week": DAY, "weeks": 2}, {"week": DAY, "dry_run": True}),
    "POST client-places/": lambda busy: [
        Ask({"client": busy.client.pk, "label": "Ward", "address": "Rue 4", **PLACE})
    ],
    "PATCH client-places/<pk>/": lambda busy: [
        Ask(
            {
                "client": busy.client.pk,
                "label": "Clinic",
                "address": "Quai 4",
                "lat": FAR_LAT,
                "lon": FAR_LON,
                "far_meant": True,
                "is_usual": True,
            },
            _saved_place(busy).pk,
        )
    ],
    "DELETE client-places/<pk>/": lambda busy: [Ask(None, _saved_place(busy).pk)],
    "POST driver-preferences/": lambda busy: [
        Ask({"client": client.pk, "driver": driver.pk, "kind": kind})
        for client in (busy.client, busy.other)
        for driver in (busy.anna, busy.ben, busy.chloe)
        for kind in ("forbidden", "preferred")
    ],
    "PATCH driver-preferences/<pk>/": lambda busy: [
        Ask(body, row.pk)
        for row in DriverPreference.objects.all()
        for body in (
            {"kind": "forbidden", "client": row.client_id},
            {"driver": busy.anna.pk, "kind": "forbidden"},
        )
    ],
    "DELETE driver-preferences/<pk>/": lambda busy: [
        Ask(None, row.pk) for row in DriverPreference.objects.all()
    ],
    "POST tokens/<pk>/revoke/": lambda busy: [Ask({}, ApiToken.objects.latest("pk").pk)],
    "POST clients/": _only({"name": "Ada", "wheelchair": True}),
    "POST clients/<pk>/forget/": lambda busy: [
        Ask({"reason": "asked"}, client) for client in (busy.client.pk, gone(busy))
    ],
    "PATCH clients/<pk>/": lambda busy: [
        *_changed(lambda busy: [busy.client])(busy),
        Ask({"customer": busy.client.customer_id, "notes": "x"}, busy.client.pk),
    ],
    "POST customers/": _only({"name": "HUG", "kind": "hospital"}),
    "PATCH customers/<pk>/": lambda busy: [
        Ask(
            {
                "name": "HUG",
                "kind": "home",
                "contact": "Dr. Rey",
                "phone": "1",
                "email": "a@b.ch",
                "notes": "x",
                "book_ahead_min": 60,
                "pickup_early_min": 0,
                "pickup_late_min": 0,
                "return_late_min": 0,
                "margin_min": 45,
                "on_time_early_min": 5,
                "on_time_late_min": 20,
                "requires_client": True,
                "requires_reference": True,
                "requires_appointment": True,
            },
            busy.company.default_customer.pk,
        )
    ],
    "DELETE customers/<pk>/": lambda busy: [
        Ask(None, busy.company.default_customer.pk),
        Ask(None, Customer.objects.create(company=busy.company, name="Nobody's").pk),
    ],
    "POST company-places/": _only(
        {"name": "HUG", "address": "Quai 4", "boarding_min": 100, **PLACE}
    ),
    "PATCH company-places/<pk>/": _changed(lambda busy: [busy.place]),
    "DELETE company-places/<pk>/": lambda busy: [Ask(None, busy.place.pk)],
    "POST webhooks/": _only({"url": "https://example.org/"}),
    "PATCH webhooks/<pk>/": lambda busy: [
        Ask(
            {"is_active": False, "kinds": [], "url": "https://example.org/", "payload": "thin"},
            _webhook(),
        ),
        Ask({"customer": None}, _webhook()),
    ],
    "DELETE webhooks/<pk>/": lambda busy: [Ask(None, _webhook())],
    "POST webhooks/<pk>/rotate/": lambda busy: [Ask({}, _webhook())],
    "POST webhook-deliveries/<pk>/redeliver/": lambda busy: [Ask({}, Delivery.objects.get().pk)],
    "POST bookings/": lambda busy: [Ask(body) for body in _new_bookings(busy)],
    "POST bookings/bulk/": lambda busy: [
        Ask({"bookings": _new_bookings(busy), "mode": mode}) for mode in ("all", "partial")
    ],
    "POST bookings/undo/": lambda busy: [Ask({"day": DAY, "action": by_hand(busy)})],
    "PATCH bookings/<pk>/": lambda busy: [
        *_changed(lambda busy: [busy.bookings[name] for name in PLANNED])(busy),
        *_trips({"customer": busy.company.default_customer.pk})(busy),
        *_trips({"passengers": 60}, {"scheduled_time": make.at("11:05").isoformat()})(busy),
    ],
    "POST bookings/<pk>/accept/": _trips(),
    "POST bookings/<pk>/advice/": lambda busy: [
        Ask({"change": change, "key": key}, pk) for pk, change, key in suggested(busy)
    ],
    "POST bookings/<pk>/arrive/": _trips(),
    "POST bookings/<pk>/assign/": lambda busy: _trips(*_given(busy))(busy),
    "POST bookings/<pk>/cancel/": _trips({"reason": "by telephone"}),
    "POST bookings/<pk>/correct/": _trips({"reason": "The wrong trip."}),
    "POST bookings/<pk>/no-show/": _trips(),
    "POST bookings/<pk>/progress/": _trips(*({"status": status} for status in STATUSES)),
    "POST bookings/<pk>/ready/": _trips({"minutes": 0}, {"minutes": 300}),
    "POST bookings/<pk>/release/": _trips(),
    "POST assignments/<pk>/confirm/": _assignments(),
    "POST assignments/<pk>/lock/": _assignments(),
    "POST assignments/<pk>/reassign/": lambda busy: _assignments(*_given(busy))(busy),
    "POST assignments/<pk>/unlock/": _assignments(),
    "POST dispatch-runs/": _only(
        *({"day": DAY, "time_limit_s": 0, **how} for how in ({}, {"preview": True})),
        {"day": DAY, "time_limit_s": 0, "background": True},
        {"day": DAY, "time_limit_s": 0, "sharing": {"ride_added_min": 15}},
    ),
    "POST dispatch-runs/<pk>/apply/": lambda busy: [Ask({}, busy.preview.pk), Ask({}, busy.run.pk)],
    "POST dispatch-runs/<pk>/discard/": lambda busy: [Ask({}, busy.preview.pk)],
    "POST dispatch-runs/<pk>/revert/": lambda busy: [Ask({}, busy.run.pk)],
    "POST quotes/": _only(TRIP),
    "POST me/availability/": lambda busy: [
        Ask({"is_available": there}, caller=busy.callers[driver.pk])
        for driver in (busy.anna, busy.ben)
        for there in (False, True)
    ],
    "POST me/positions/": lambda busy: [
        Ask(
            {"positions": [{"at": make.at("09:59").isoformat(), "lat": FAR_LAT, "lon": FAR_LON}]},
            caller=busy.callers[busy.anna.pk],
        )
    ],
    "POST me/trips/<pk>/arrive/": _mine(),
    "POST me/trips/<pk>/confirm/": _mine(),
    "POST me/trips/<pk>/progress/": _mine(*({"status": status} for status in STATUSES)),
}


def _member_of(driver: Driver) -> Membership:
    return Membership.objects.get(user=driver.user, company=driver.company)


def _saved_place(busy: Busy) -> SavedPlace:
    values = {"address": "Rue 4", **PLACE}
    return busy.client.places.get_or_create(label="Ward", defaults=values)[0]


def _webhook() -> int:
    return Webhook.objects.get().pk
