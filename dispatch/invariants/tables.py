"""What must hold of drivers' times, vehicles, runs, previews and deliveries: one statement each.

Each statement asks the database for what breaks a rule, and for no more than `EXAMPLES` rows.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet, Value, Window
from django.db.models.functions import Coalesce, Lag, Now
from django.utils.translation import gettext_noop

from bookings.models import Client, Delivery
from dispatch.day.stretches import RIDES
from dispatch.models import OPEN, Assignment, DispatchRun, StoredPlan
from drivers.models import Company, Shift

EXAMPLES = 100
# Within this time after its lease somebody has looked after a run, be it the timer's next turn.
TENDED_WITHIN = timedelta(minutes=2)

ONE_TRIP = gettext_noop("a driver has one trip at a time, or one shared stretch")
TOGETHER = gettext_noop("who rides in a shared stretch rides with somebody")
ONE_SHIFT = gettext_noop("a driver has one shift at a time")
ONE_VEHICLE = gettext_noop("a vehicle is in one shift at a time")
AT_REST = gettext_noop("no run is left under way")
LIVES = gettext_noop("a run under way has somebody who works on it, or waits for it")
HAS_END = gettext_noop("a run that ended has an end")
ONE_RUN = gettext_noop("a day has one run at a time")
STORED_PLAN = gettext_noop("a preview, and nothing else, has a stored plan")
ONCE = gettext_noop("an event is delivered to a webhook once")
SEEN = gettext_noop("a webhook has seen what is delivered to it")
OWN_EVENTS = gettext_noop("a webhook gets the events of its company")
CUSTOMERS_EVENTS = gettext_noop("a customer's webhook gets the events of that customer")
VEHICLE_OF = gettext_noop("the vehicle of a shift is of its driver's company")
CLIENT_OF = gettext_noop("a client's customer is of its company")

# What breaks a rule, as the values of an example.
Found = QuerySet[Any, tuple[Any, ...]]
Rows = Callable[..., QuerySet[Any]]


def faults_of_tables(
    company: Company | None, using: str, *, at_rest: bool
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield (rule, example) of all that breaks a rule: 14 statements.

    `at_rest`: no run may be under way, as in a restored backup that nobody works on.
    """

    def rows(model: type[Model], path: str = "company") -> QuerySet[Any]:
        mine = {path: company} if company else {}
        return model._default_manager.using(using).filter(**mine)

    for rule, found in (*_of_times(rows), *_of_runs(rows, at_rest), *_of_others(rows)):
        for example in found[:EXAMPLES]:
            yield rule, tuple(example)


def _of_times(rows: Rows) -> Iterator[tuple[str, Found]]:
    standing = rows(Assignment).filter(OPEN)
    yield ONE_TRIP, _beside_others(standing)
    yield TOGETHER, _without_others(standing.filter(stretch__isnull=False), rows(Assignment))
    shifts = rows(Shift, "driver__company")
    yield ONE_SHIFT, _overlapping(shifts, "driver_id", "start_at", "end_at")
    driven = shifts.filter(vehicle__isnull=False)
    yield ONE_VEHICLE, _overlapping(driven, "vehicle_id", "start_at", "end_at")


def _beside_others(standing: QuerySet[Any]) -> Found:
    """Return (driver, row, start) of the trips in which another begins, of another stretch."""
    numbered = standing.annotate(number=Coalesce("stretch", F("id") * -1))
    others = numbered.filter(
        ~Q(pk=OuterRef("pk")),
        ~Q(number=OuterRef("number")),
        driver=OuterRef("driver"),
        planned_pickup_at__gte=OuterRef("planned_pickup_at"),
        planned_pickup_at__lt=OuterRef("planned_dropoff_at"),
        planned_dropoff_at__gt=OuterRef("planned_pickup_at"),
    )
    found = numbered.filter(Exists(others)).order_by("id")
    examples: Found = found.values_list("driver_id", "id", "planned_pickup_at")
    return examples


def _without_others(standing: QuerySet[Any], rows: QuerySet[Any]) -> Found:
    """Return (driver, row, number) of the trips with the number of a stretch and nobody beside."""
    others = rows.filter(
        RIDES,
        ~Q(pk=OuterRef("pk")),
        driver=OuterRef("driver"),
        stretch=OuterRef("stretch"),
        planned_pickup_at__lt=OuterRef("planned_dropoff_at"),
        planned_dropoff_at__gt=OuterRef("planned_pickup_at"),
    )
    found: Found = standing.filter(~Exists(others)).order_by("id")
    return found.values_list("driver_id", "id", "stretch")


def _overlapping(rows: QuerySet[Any], owner: str, start: str, end: str) -> Found:
    """Return (owner, row, start) of the rows that begin before the one before them has ended.

    Where any two of an owner overlap, two that follow each other do.
    """
    before = Window(Lag(end), partition_by=[F(owner)], order_by=[F(start), F("id")])
    found = rows.annotate(end_before=before).filter(end_before__gt=F(start)).order_by("id")
    examples: Found = found.values_list(owner, "id", start)
    return examples


def _of_runs(rows: Rows, at_rest: bool) -> Iterator[tuple[str, Found]]:
    runs = rows(DispatchRun).order_by("id")
    under_way = runs.filter(status__in=DispatchRun.UNDER_WAY)
    if at_rest:
        yield AT_REST, under_way.values_list("id", "status", "progress")
    else:
        dead = under_way.filter(claim_ends_at__lt=Now() - Value(TENDED_WITHIN))
        yield LIVES, dead.values_list("id", "status", "claim_ends_at")
    ended = runs.exclude(status__in=DispatchRun.UNDER_WAY).filter(finished_at__isnull=True)
    yield HAS_END, ended.values_list("id", "status")
    twin = runs.filter(
        company=OuterRef("company"), day=OuterRef("day"), status="running", id__lt=OuterRef("id")
    )
    yield ONE_RUN, runs.filter(Exists(twin), status="running").values_list("id", "day")
    kept = StoredPlan.objects.using(runs.db).filter(run=OuterRef("pk"))
    is_preview = Q(status=DispatchRun.Status.PREVIEW)
    # One that is being applied keeps its plan until it is written.
    may_keep = is_preview if at_rest else is_preview | Q(status__in=DispatchRun.UNDER_WAY)
    wrong = (is_preview & ~Exists(kept)) | (~may_keep & Exists(kept))
    yield STORED_PLAN, runs.filter(wrong).values_list("id", "status")


def _of_others(rows: Rows) -> Iterator[tuple[str, Found]]:
    deliveries = rows(Delivery, "webhook__company").order_by("id")
    twin = deliveries.filter(
        webhook=OuterRef("webhook"), event=OuterRef("event"), id__lt=OuterRef("id")
    )
    example = ("webhook_id", "event_id")
    yield ONCE, deliveries.filter(Exists(twin)).values_list(*example)
    unseen = deliveries.filter(event__gt=F("webhook__seen_event_id"))
    yield SEEN, unseen.values_list(*example)
    others = deliveries.exclude(event__company=F("webhook__company"))
    yield OWN_EVENTS, others.values_list(*example)
    customers = deliveries.filter(webhook__customer__isnull=False)
    # An event without a customer is of the webhook itself.
    foreign = customers.filter(event__customer__isnull=False).exclude(
        event__customer=F("webhook__customer")
    )
    yield CUSTOMERS_EVENTS, foreign.values_list(*example)
    shifts = rows(Shift, "driver__company").filter(vehicle__isnull=False)
    strange = shifts.exclude(vehicle__company=F("driver__company")).order_by("id")
    yield VEHICLE_OF, strange.values_list("id", "vehicle_id", "driver_id")
    clients = rows(Client).exclude(customer__company=F("company")).order_by("id")
    yield CLIENT_OF, clients.values_list("id", "customer_id")
