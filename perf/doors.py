"""The ways into the product, as a list that can be walked through: what is recorded and judged.

A new page, endpoint or command joins by one line in `DOORS` (or, in the admin, by being
registered). Every door is entered once on a populated scratch database; those that write are
taken back, but for one real dispatch and its reversal.
"""

import csv
import io
import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from bookings.csv_import import import_bookings
from bookings.models import Actor, Booking, Door
from dispatch import trips
from dispatch.manifest import read_manifest
from dispatch.models import Assignment, DispatchRun
from dispatch.revert import revert_run
from dispatch.run import run_dispatch
from drivers.models import Company, Membership, Role
from perf.naive import ROOMS
from perf.plans import rolled_back
from perf.record import record_queries

ACTOR = Actor(Door.COMMAND, name="benchmark_indexes")
IMPORTED = 500


@dataclass
class Visit:
    """Who comes to which company on which day; `browser` belongs to one of its owners."""

    company: Company
    day: date
    now: datetime
    browser: Browser = None
    run: int | None = None

    def __post_init__(self):
        user = get_user_model().objects.create_user("visitor", is_staff=True)
        Membership.objects.create(user=user, company=self.company, role=Role.OWNER)
        self.browser = Browser(SERVER_NAME="localhost", raise_request_exception=True)
        self.browser.force_login(user)

    def get(self, path, *, may_refuse=False, **query):
        """Open a page; what is not served is no door, but a role may be refused one."""
        log = logging.getLogger("django.request")
        level = log.level
        log.setLevel(logging.CRITICAL)
        try:
            status = self.browser.get(path, query, secure=True).status_code
        finally:
            log.setLevel(level)
        if status != 200 and not (may_refuse and status == 403):
            raise RuntimeError(f"{path} answered {status}.")


@dataclass(frozen=True, slots=True)
class Way:
    """A door: its name, how to go through it, and whether that is taken back.

    What `find` returns is found before the recording begins, and given to `enter`.
    """

    name: str
    enter: Callable[..., object]
    taken_back: bool = False
    find: Callable[[Visit], object] | None = None


def _preview(visit):
    run_dispatch(visit.company, visit.day, now=visit.now, actor=ACTOR, preview=True, time_limit_s=0)


def _rehearse(visit):
    run_dispatch(
        visit.company, visit.day, now=visit.now, actor=ACTOR, rehearse=True, time_limit_s=0
    )


def _dispatch(visit):
    report = run_dispatch(visit.company, visit.day, now=visit.now, actor=ACTOR, time_limit_s=0)
    visit.run = report.run


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


def _trip(visit):
    """Return the booking of an open assignment that the dispatch made."""
    made = Assignment.objects.open().filter(run_id=visit.run)
    return made.order_by("id").values_list("booking_id", flat=True).first()


def _with_trip(name, use_case):
    def enter(visit, booking_id):
        if booking_id:
            use_case(visit.company, booking_id, actor=ACTOR, now=visit.now)

    return Way(name, enter, taken_back=True, find=_trip)


DOORS = [
    Way("preview", _preview),
    Way("dispatch, rehearsed", _rehearse),
    Way("dispatch", _dispatch),
    Way("export of the plan", lambda visit: read_manifest(visit.company, visit.day)),
    Way("import", _import, taken_back=True, find=_known),
    _with_trip("cancel a trip", trips.cancel),
    _with_trip("confirm a trip", trips.confirm),
    _with_trip("release a trip", trips.release),
]
LAST = [Way("revert", _revert)]


def admin_doors():
    """Return the pages of every registered model of ours: list, search, one row, deleting."""
    found = []
    for model, page in admin.site._registry.items():
        if model._meta.app_label not in ROOMS:
            continue
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(Way(f"admin: {model._meta.verbose_name_plural}", _listing(base)))
        if page.search_fields:
            found.append(
                Way(f"admin: search {model._meta.verbose_name_plural}", _listing(base, q="a1"))
            )
        for name in page.list_filter:
            field = model._meta.get_field(name) if isinstance(name, str) else None
            if field is not None and field.choices:
                value = list(field.choices)[-1][0]
                found.append(
                    Way(
                        f"admin: {model._meta.verbose_name_plural} by {name}",
                        _listing(base, **{f"{name}__exact": value}),
                    )
                )
        found.append(Way(f"admin: one of {model._meta.verbose_name_plural}", **_row(model, base)))
        found.append(
            Way(
                f"admin: delete one of {model._meta.verbose_name_plural}, asked",
                **_row(model, base, "delete", may_refuse=True),
            )
        )
    return found


def _listing(base, **query):
    return lambda visit: visit.get(reverse(f"{base}_changelist"), **query)


def _row(model, base, page="change", **options):
    """Return how a page of one row is entered, and how a row is found that the visitor may see."""

    def enter(visit, row):
        if row is not None:
            visit.get(reverse(f"{base}_{page}", args=[row]), **options)

    def find(visit):
        path = getattr(admin.site._registry[model], "company_path", "company")
        rows = model.objects.filter(**{path: visit.company.pk})
        return rows.order_by("-id").values_list("id", flat=True).first()

    return {"enter": enter, "find": find}


def all_doors():
    return [*DOORS, *admin_doors(), *LAST]


def go_through(way: Way, visit: Visit):
    """Enter one door, and return what was recorded."""
    given = () if way.find is None else (way.find(visit),)
    with rolled_back(connection) if way.taken_back else nullcontext(), record_queries() as q:
        way.enter(visit, *given)
    return q
