"""The time of a page of 100 bookings, and of 1,000 new ones, against what could be and what was.

Reading has three arms in one process: a naive serializer over a naive queryset, which asks for
each row's client, driver and vehicle; the API's view, from the request to the bytes, with the
token; and one raw query for the same columns of the same rows, put through `json.dumps`.
"""

import json
import time
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone
from rest_framework import serializers

from bookings.api.serializers import BOOKING_COLUMNS
from bookings.models import Actor, Booking, Door
from dispatch.api.trips import TripViewSet
from dispatch.models import Assignment
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from drivers.companies.tokens import issue_token
from drivers.models import Company, Driver, Membership, Role
from perf.measuring.statistics import Ratio, order_of_arms, paired_ratio, summarize
from perf.project.doors.addresses import API_BOOKINGS, API_BULK
from perf.project.scenarios.company import seed_scenario

SLUG, PAGE, BULK, WARM_UP = "reading", 100, 1_000, 3
ACTOR = Actor(Door.COMMAND, name="benchmark_api")
EXPANDED = "client,assignment,driver"
GOALS = {"naive": 10, "raw": 3}


class NaiveDriver(serializers.ModelSerializer):
    plate = serializers.CharField(source="vehicle.plate")

    class Meta:
        model = Driver
        fields = ["id", "name", "phone", "plate"]


class NaiveAssignment(serializers.ModelSerializer):
    driver = NaiveDriver()

    class Meta:
        model = Assignment
        fields = [
            "id", "driver", "status", "planned_pickup_at", "planned_dropoff_at",
            "arrived_at", "actual_pickup_at", "actual_dropoff_at", "confirmed", "locked",
        ]  # fmt: skip


class NaiveBooking(serializers.ModelSerializer):
    client = serializers.SerializerMethodField()
    assignment = serializers.SerializerMethodField()

    class Meta:
        model = Booking
        fields = [*[name.removesuffix("_id") for name in BOOKING_COLUMNS], "assignment"]

    def get_client(self, booking):
        client = booking.client
        if client is None:
            return None
        return {"id": client.id, "name": client.name, "phone": client.phone,
                "wheelchair": client.wheelchair}  # fmt: skip

    def get_assignment(self, booking):
        found = booking.assignments.filter(is_open=True).first()
        return NaiveAssignment(found).data if found else None


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds of each arm by pair; `ratios` are how many times the view's."""

    seconds: dict[str, list[float]]
    rows: int

    @property
    def naive(self) -> Ratio:
        return paired_ratio(self.seconds["view"], self.seconds["naive"])

    @property
    def raw(self) -> Ratio:
        return paired_ratio(self.seconds["raw"], self.seconds["view"])

    def summary(self):
        lines = [f"A page of {self.rows} bookings with client, assignment, driver and vehicle:"]
        for arm, values in self.seconds.items():
            found = summarize(values)
            lines.append(
                f"  {arm:6} median {found.median * 1000:7.2f} ms  p95 {found.p95 * 1000:7.2f} ms"
            )
        lines.append(f"  naive / view {self.naive}  goal at least {GOALS['naive']}")
        lines.append(f"  view / raw   {self.raw}  goal at most {GOALS['raw']}")
        return "\n".join(lines)

    def as_dict(self):
        return {
            "rows": self.rows,
            "seconds": self.seconds,
            "naive_over_view": self.naive.as_dict(),
            "view_over_raw": self.raw.as_dict(),
        }


def seed(now) -> tuple[Company, str]:
    """Write a company with a past and a planned day; return it and a key of its portal."""
    with transaction.atomic():
        seed_scenario(
            SLUG, day=None, bookings=200, drivers=23, history=2_000, seed=1, events=False, now=now,
            actor=ACTOR,
        )  # fmt: skip
        company = Company.objects.get(slug=SLUG)
        owner = _member(company)
    day = Booking.objects.filter(company=company).latest("scheduled_time").scheduled_time
    run_dispatch(company, company.local(day).date(), now=now, actor=ACTOR, options=FIRST_PLAN)
    _token, key = issue_token(
        owner,
        name="portal",
        role=Role.CLIENT_API,
        customer=company.default_customer,
        now=now,
    )
    return company, key


def _member(company):
    user = get_user_model().objects.create_user(SLUG)
    return Membership.objects.create(company=company, user=user, role=Role.OWNER)


def measure_reading(company, key, *, pairs) -> Reading:
    arms = {
        "naive": lambda: read_naively(company),
        "view": lambda: read_by_view(key),
        "raw": raw_reader(company),
    }
    for _warm in range(WARM_UP):
        sizes = {name: len(arm()) for name, arm in arms.items()}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for pair in range(pairs):
        for name in order_of_arms(list(arms), pair):
            start = time.perf_counter()
            arms[name]()
            seconds[name].append(time.perf_counter() - start)
    if min(sizes.values()) < PAGE * 100:
        raise ValueError(f"An arm answers with less than a page: {sizes}.")
    return Reading(seconds, PAGE)


def read_naively(company):
    rows = Booking.objects.filter(company=company).order_by("-scheduled_time", "-id")[:PAGE]
    return json.dumps(NaiveBooking(rows, many=True).data).encode()


def read_by_view(key):
    request = RequestFactory(SERVER_NAME="localhost").get(
        reverse(API_BOOKINGS),
        {"limit": PAGE, "expand": EXPANDED},
        headers={"Authorization": f"Bearer {key}"},
        secure=settings.SECURE_SSL_REDIRECT,
    )
    response = TripViewSet.as_view({"get": "list"})(request)
    if response.status_code != 200:
        raise ValueError(f"The view answers {response.status_code}: {response.data}")
    return response.render().content


def raw_reader(company):
    """Return a function that sends the view's own query, without Django's ORM."""
    rows = TripViewSet.with_relations(Booking.objects.filter(company=company))
    rows = rows.order_by("-scheduled_time", "-id")
    rows = rows.values(*TripViewSet.columns(EXPANDED.split(",")))
    sql, params = rows[:PAGE].query.sql_with_params()

    def read():
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            names = [column[0] for column in cursor.description]
            found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return json.dumps(found, default=str).encode()

    return read


def measure_bulk(key, *, times) -> list[float]:
    """Return the seconds of creating 1,000 bookings by one request, committed, each time."""
    seconds = []
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    for number in range(times):
        rows = [
            {
                "reference": f"BULK-{number}-{row}",
                "pickup_lat": 46.234, "pickup_lon": 6.08,
                "dropoff_lat": 46.1936, "dropoff_lon": 6.1487,
                "scheduled_time": tomorrow,
            }
            for row in range(BULK)
        ]  # fmt: skip
        request = RequestFactory(SERVER_NAME="localhost").post(
            reverse(API_BULK),
            json.dumps({"bookings": rows}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
            secure=settings.SECURE_SSL_REDIRECT,
        )
        start = time.perf_counter()
        response = TripViewSet.as_view({"post": "bulk"})(request)
        response.render()
        seconds.append(time.perf_counter() - start)
        if response.status_code != 200 or response.data["created"] != BULK:
            raise ValueError(f"The view answers {response.status_code}: {response.data}")
    return seconds
