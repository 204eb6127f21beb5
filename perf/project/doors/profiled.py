"""The ways into the product, as a list that can be walked through: what is recorded and judged.

A use-case joins by one line in `DOORS`; lists and pages by being registered in the admin or the
API (`doors.pages`). Every door is entered once on a populated scratch database; those that
write are taken back, but for one real dispatch and its reversal.
"""

import csv
import io
from datetime import timedelta

from django.urls import reverse

from bookings.importing.import_bookings import import_bookings
from bookings.intake import take_in
from bookings.models import Booking
from dispatch.manifest import read_manifest
from dispatch.models import Assignment, DispatchRun
from dispatch.reports.refresh import refresh
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.revert import revert_run
from dispatch.runs.run import run_dispatch
from dispatch.trips import decisions
from dispatch.trips.advice.advise import advise
from dispatch.trips.assign import assign
from dispatch.trips.cancel import cancel
from dispatch.trips.driver_sick import report_sick
from perf.project.doors import addresses
from perf.project.doors.pages import admin_doors, api_doors, driver_doors, portal_doors
from perf.project.doors.visitor import ACTOR, Way

IMPORTED = 500


def _preview(visit):
    _run(visit, preview=True)


def _dispatch(visit):
    visit.run = _run(visit).run


def _run(visit, **kind):
    return run_dispatch(
        visit.company, visit.day, now=visit.now, actor=ACTOR, options=FIRST_PLAN, **kind
    )


def _revert(visit):
    run = DispatchRun.objects.select_related("company").get(id=visit.run)
    revert_run(run, now=visit.now, actor=ACTOR)


def _known(visit):
    """Return references of the day."""
    known = Booking.objects.on(visit.company, visit.day).order_by("id")
    return list(known.values_list("reference", flat=True)[: IMPORTED // 5])


def _import(visit, known):
    """Import bookings of a day, new ones and ones that are there, and again unchanged."""
    out = io.StringIO()
    names = (
        "reference", "scheduled_time", "pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon",
        "passengers", "wheelchairs", "notes",
    )  # fmt: skip
    writer = csv.writer(out)
    writer.writerow(names)
    references = [*known, *(f"IMPORTED-{number}" for number in range(IMPORTED - len(known)))]
    for number, reference in enumerate(references):
        at = f"{visit.day}T{6 + number % 12:02d}:{number % 60:02d}"
        writer.writerow([reference, at, 46.2, 6.1, 46.21, 6.15, 1, 0, "imported"])
    data = out.getvalue().encode()
    for _time in range(2):
        import_bookings(
            visit.company, data, actor=ACTOR, now=visit.now, filename="x.csv", skip_invalid=True
        )


def _bulk(visit):
    """Take in bookings from another system, and again unchanged."""
    at = visit.company.day_bounds(visit.day)[0] + timedelta(hours=9)
    place = {"pickup_lat": 46.2, "pickup_lon": 6.1, "dropoff_lat": 46.21, "dropoff_lon": 6.15}
    rows = [
        {"reference": f"BULK-{number}", "scheduled_time": at, **place} for number in range(IMPORTED)
    ]
    for _time in range(2):
        take_in(visit.company, rows, actor=ACTOR, now=visit.now)


def _trip(visit):
    """Return the booking of an open assignment that the dispatch made."""
    made = Assignment.objects.open().filter(run_id=visit.run)
    return made.order_by("id").values_list("booking_id", flat=True).first()


def _assign(company, booking_id, **options):
    """Give it to its own driver a little later, whatever the rules say."""
    standing = Assignment.objects.open().get(booking_id=booking_id)
    assign(
        company,
        booking_id,
        standing.driver_id,
        pickup_at=standing.planned_pickup_at + timedelta(seconds=1),
        override="benchmark",
        **options,
    )


def _driver(visit):
    """Return the driver of an open assignment that the dispatch made."""
    made = Assignment.objects.open().filter(run_id=visit.run)
    return made.order_by("id").values_list("driver_id", flat=True).first()


def _sick(visit, driver_id):
    if driver_id:
        report_sick(visit.company, driver_id, actor=ACTOR, now=visit.now)


def _board(name, view):
    def enter(visit):
        visit.get(reverse(view, args=[visit.company.slug, visit.day]))

    return Way(f"board: {name}", enter)


def _news(visit):
    visit.get(reverse(addresses.NEWS, args=[visit.company.slug]), after=1)


def _figures(visit):
    refresh(visit.company, now=visit.now, steps=1)


def _places(visit, booking_id):
    if booking_id:
        advise(visit.company, booking_id, now=visit.now)


def _events(visit, booking_id):
    if booking_id:
        visit.ask(reverse(addresses.API_EVENTS), booking=booking_id)


def _with_trip(name, use_case):
    def enter(visit, booking_id):
        if booking_id:
            use_case(visit.company, booking_id, actor=ACTOR, now=visit.now)

    return Way(name, enter, taken_back=True, find=_trip)


DOORS = [
    Way("preview", _preview),
    Way("dispatch, rehearsed", _dispatch, taken_back=True),
    Way("dispatch", _dispatch),
    Way("export of the plan", lambda visit: read_manifest(visit.company, visit.day)),
    Way("import", _import, taken_back=True, find=_known),
    Way("API: bookings in bulk", _bulk, taken_back=True),
    _with_trip("cancel a trip", cancel),
    _with_trip("confirm a trip", decisions.confirm),
    _with_trip("lock a trip", decisions.lock),
    _with_trip("release a trip", decisions.release),
    _with_trip("give a trip to a driver", _assign),
    Way("who could take a trip", _places, find=_trip),
    Way("a driver is sick", _sick, taken_back=True, find=_driver),
    _board("day", addresses.BOARD),
    _board("fragment", addresses.FRAGMENT),
    _board("map", addresses.MAP),
    Way("board: news", _news),
    Way("reports: a month counted anew", _figures, taken_back=True),
    Way("API: events of a booking", _events, find=_trip),
    Way("API: new events", lambda visit: visit.ask(reverse(addresses.API_EVENTS), after=1)),
]
LAST = [Way("revert", _revert)]


def all_doors():
    return [*DOORS, *admin_doors(), *api_doors(), *portal_doors(), *driver_doors(), *LAST]


# How often a door is entered while one day is dispatched once, for weighing what an index saves
# its readers against what it costs its writers. Estimates, in orders of magnitude; the first
# that the name begins with, or contains after a star.
OFTEN = (
    ("*delete one", 0.1),
    ("board: news", 1_000),  # an open board asks every few seconds
    ("board", 50),
    ("API: me", 300),  # drivers' telephones
    ("API: new events", 300),
    ("API: events of a booking", 30),
    ("admin: bookings", 50),
    ("admin: assignments", 20),
    ("admin", 5),
    ("API: bookings in bulk", 2),
    ("API", 20),
    ("portal: event-list", 300),  # a system that looks for what is new every few minutes
    ("portal", 20),
    ("preview", 3),
    ("dispatch, rehearsed", 0),  # the same as the next, taken back
    ("dispatch", 1),
    ("revert", 0.05),
    ("import", 1),
    ("reports", 5),
    ("a driver is sick", 0.2),
)


def often(name):
    """Return how often the door is entered; 10 times for one that is not listed."""
    for known, times in OFTEN:
        if known.startswith("*") and known[1:] in name or name.startswith(known):
            return times
    return 10
