"""What the tables say of all companies, as gauges: at most 7 statements, whatever their size.

Durations are in seconds. What went before counts for an hour, and runs for the latest 200.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from django.db import Error, connection
from django.db.models import (
    Case,
    Count,
    ExpressionWrapper,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    Subquery,
    When,
)
from django.db.models.fields import DurationField
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from bookings.models import Booking, Delivery, Event, Message, Status, Webhook
from bookings.models.messages import WAITS
from bookings.models.webhooks import DUE
from dispatch.day.queries import current_assignment
from dispatch.forecast.keep import is_under_way, under_way
from dispatch.models import DispatchRun
from dispatch.runs.lease import QUEUED
from dispatchsite.health.counts import counted

logger = logging.getLogger(__name__)
PAST = timedelta(hours=1)
LATEST_RUNS = 200
LATE = timedelta(minutes=10)
KEPT_S = 5.0  # for whoever collects next
_kept: tuple[float, list[Metric]] = (float("-inf"), [])
_lock = Lock()


class Everything:
    """What all processes counted, and what the tables say; as the library collects it."""

    def collect(self) -> Iterator[Metric]:
        yield from counted()
        yield from _gauges()


def _gauges() -> list[Metric]:
    global _kept
    with _lock:
        if time.monotonic() - _kept[0] > KEPT_S:
            _kept = time.monotonic(), list(read_gauges(timezone.now()))
        return _kept[1]


def read_gauges(now: datetime) -> Iterator[Metric]:
    """Read the tables: 7 statements, on PostgreSQL 8. A database that fails is a gauge of 0."""
    try:
        found = [
            *_under_way(now), *_latest_runs(now), *_lateness(now), *_webhooks(now), *_messages(now),
            *_forecasts(now), *_connections(),
        ]  # fmt: skip
    except Error as error:
        logger.error("The tables could not be counted: %s", type(error).__name__)
        yield _gauge("database_up", "Whether the tables could be read.", 0)
        return
    yield _gauge("database_up", "Whether the tables could be read.", 1)
    yield from found


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"dispatchsite_{name}", text, value=value)


def _by(name: str, text: str, label: str, rows: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"dispatchsite_{name}", text, labels=[label])
    for value, number in rows:
        family.add_metric([value], number)
    return family


def _under_way(now: datetime) -> Iterator[Metric]:
    rows = DispatchRun.objects.filter(status__in=DispatchRun.UNDER_WAY).values_list(
        "status", "progress__phase", "started_at"
    )
    states = Counter({"queued": 0, "running": 0, "planning": 0})
    waits = [timedelta(0)]
    for status, phase, started_at in rows:
        states["queued" if phase == QUEUED else status] += 1
        if phase == QUEUED:
            waits.append(now - started_at)
    yield _by("runs", "Runs and previews under way.", "state", states.items())
    oldest_s = max(waits).total_seconds()
    yield _gauge("queue_age_seconds", "How long the oldest run has waited for a worker.", oldest_s)


def _latest_runs(now: datetime) -> Iterator[Metric]:
    latest = DispatchRun.objects.order_by("-id").values_list(
        "status",
        "finished_at",
        "timings__plan_s",
        "timings__total_s",
        "metrics__bookings",
        "metrics__assigned",
        "metrics__statements",
    )[:LATEST_RUNS]
    rows = [row for row in latest if row[1] and row[1] > now - PAST]
    ended = Counter({str(status): 0 for status in DispatchRun.Status})
    ended.update(row[0] for row in rows)
    for status in DispatchRun.UNDER_WAY:
        ended.pop(status, None)
    yield _by("recent_runs", "Runs that ended within the hour.", "status", ended.items())
    good = [row for row in rows if row[2] is not None and row[4] is not None]
    plans, totals = sorted(row[2] for row in good), sorted(row[3] for row in good)
    for name, values in (("plan", plans), ("run", totals)):
        text = f"Seconds of a recent {name}: median and longest."
        yield _by(f"recent_{name}_seconds", text, "quantile", _quantiles(values))
    booked, placed = sum(row[4] for row in good), sum(row[5] for row in good)
    yield _gauge("recent_trips_planned", "Trips of recent runs.", booked)
    yield _gauge("recent_trips_placed", "Trips to which recent runs gave a driver.", placed)
    most = max((row[6] or 0 for row in good), default=0)
    yield _gauge("recent_run_statements", "The most SQL statements of a recent run.", most)


def _quantiles(values: list[float]) -> list[tuple[str, float]]:
    return [("0.5", values[len(values) // 2]), ("1", values[-1])] if values else []


def _lateness(now: datetime) -> Iterator[Metric]:
    """Read the trips whose passengers were to be fetched within the hour, and were."""
    begun = (Status.IN_PROGRESS, Status.COMPLETED)
    late = ExpressionWrapper(
        F("current__actual_pickup_at") - F("current__planned_pickup_at"), DurationField()
    )
    found = (
        Booking.objects.filter(
            status__in=begun, scheduled_time__gte=now - PAST, scheduled_time__lt=now
        )
        .alias(current=current_assignment())
        .annotate(late_by=late)
        .aggregate(
            trips=Count("late_by"),
            late=Count("late_by", filter=Q(late_by__gt=LATE)),
            most=Max("late_by"),
        )
    )
    yield _gauge("recent_pickups", "Passengers fetched, of the last hour.", found["trips"])
    text = f"Of these, more than {LATE.total_seconds() / 60:.0f} minutes late."
    yield _gauge("recent_pickups_late", text, found["late"])
    most_s = max(0.0, found["most"].total_seconds()) if found["most"] else 0.0
    yield _gauge("recent_pickup_lateness_seconds", "The latest of them.", most_s)


def _webhooks(now: datetime) -> Iterator[Metric]:
    """Read what webhooks wait for: events that nobody has queued, and deliveries that are due."""
    unseen = Event.objects.filter(company=OuterRef("company"), id__gt=OuterRef("seen_event_id"))
    of_customer = Q(customer=OuterRef("customer"))
    first = unseen.order_by("id").values("at")[:1]
    first_of_customer = unseen.filter(of_customer).order_by("id").values("at")[:1]
    behind = Webhook.objects.filter(is_active=True).values_list(
        Case(When(customer=None, then=Subquery(first)), default=Subquery(first_of_customer)),
        flat=True,
    )
    due = Delivery.objects.filter(DUE, webhook__is_active=True).aggregate(
        waiting=Count("id"), first=Min("due_at", filter=Q(due_at__lte=now))
    )
    oldest = min((at for at in (*behind, due["first"]) if at), default=now)
    lag_s = max(0.0, (now - oldest).total_seconds())
    yield _gauge("webhook_lag_seconds", "How long the oldest event waits to be sent.", lag_s)
    yield _gauge("webhook_waiting", "Deliveries that wait, or wait to be repeated.", due["waiting"])


def _messages(now: datetime) -> Iterator[Metric]:
    """Read how many messages are due, and since when."""
    due = Message.objects.filter(WAITS, company__message_policy__is_on=True, due_at__lte=now)
    found = due.aggregate(waiting=Count("id"), first=Min("due_at"))
    lag_s = (now - found["first"]).total_seconds() if found["first"] else 0.0
    yield _gauge("message_lag_seconds", "How long the oldest message waits to be sent.", lag_s)
    yield _gauge("messages_due", "Messages that wait to be sent.", found["waiting"])


def _forecasts(now: datetime) -> Iterator[Metric]:
    """Read how old the oldest forecast is that a worker should keep.

    One that was never kept is as old as the first pickup of which it should have told.
    """
    rows = under_way(now).annotate(kept_at=F("forecast_state__kept_at"))
    ages = [
        now - (row.kept_at or row.first_open_at or now) for row in rows if is_under_way(row, now)
    ]
    age_s = max([timedelta(0), *ages]).total_seconds()
    yield _gauge("forecast_age_seconds", "How old the oldest forecast of open trips is.", age_s)


def _connections() -> Iterator[Metric]:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE state LIKE"
            " 'idle in%%'), count(*), current_setting('max_connections')::int"
            " FROM pg_stat_activity WHERE datname = current_database()"
        )
        row: Any = cursor.fetchone()
    named = zip(("active", "idle_in_transaction", "open", "most"), row, strict=True)
    yield _by("database_connections", "The server's connections.", "state", named)
