"""Every way in, found by itself: the URL configuration is walked, and the apps' commands.

A door is called on a `World`: an invented company with bookings, drivers, a plan, a past.
"""

import io
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command, get_commands
from django.test import Client
from django.urls import URLResolver, get_resolver

from bookings.models import Actor, Booking, Delivery, Door, Event, ImportFile, Webhook
from bookings.models import Client as Person
from dispatch.models import Assignment, DispatchRun
from dispatch.run import run_dispatch
from drivers.models import Absence, Company, Driver, Membership, Role
from drivers.tokens import issue_token
from perf.models import Kind, Measurement
from perf.scenario_company import seed_scenario

DAY = date(2026, 6, 17)
NOW = datetime.fromisoformat("2026-06-16T18:00:00+02:00")
ACTOR = Actor(Door.COMMAND, name="check_budgets")
# Bookings on the day, drivers, past bookings.
SIZES = {"small": (12, 3, 24), "large": (48, 9, 96)}
# 403 and 405 are answers too: a door that is opened later sends more.
SEEN = {200, 301, 302, 304, 403, 405}


class NotMeasured(Exception):
    """The door cannot be called as it is: its budget says why it has none."""


@dataclass(frozen=True)
class World:
    """A company to call the doors with, and its owner, a superuser who is logged in."""

    company: Company
    user: object
    client: Client
    run: DispatchRun
    bookings: int = 0
    _found: dict = field(default_factory=dict, repr=False, compare=False)

    def one(self, model):
        """Return the company's newest row of a model, or the newest of all.

        It is looked up once, before anything is recorded.
        """
        if model not in self._found:
            self._found[model] = self._newest(model)
        return self._found[model]

    def assigned(self):
        """Return the ids of the bookings of two planned trips, of two drivers."""
        if "assigned" not in self._found:
            rows = Assignment.objects.filter(company=self.company, status="planned")
            one = rows.order_by("-pk").first()
            other = rows.exclude(driver=one.driver_id).order_by("-pk").first()
            self._found["assigned"] = one.booking_id, other.booking_id
        return self._found["assigned"]

    def _newest(self, model):
        rows = model._default_manager.order_by("-pk")
        names = {field.name for field in model._meta.concrete_fields}
        if "company" in names:
            rows = rows.filter(company=self.company)
        elif "driver" in names:
            rows = rows.filter(driver__company=self.company)
        elif "webhook" in names:
            rows = rows.filter(webhook__company=self.company)
        found = rows.first()
        if found is None:
            raise NotMeasured(f"there is no {model._meta.verbose_name}")
        return found


@dataclass(frozen=True)
class BudgetDoor:
    """Something to be called; `kind` is its table in the file of budgets."""

    kind: str
    name: str
    call: Callable[[World], object]


def make_world(size, *, history=None) -> World:
    """Write a company of the size, with half of its day dispatched."""
    bookings, drivers, past = SIZES[size]
    seed_scenario(
        size,
        day=DAY,
        bookings=bookings,
        drivers=drivers,
        history=past if history is None else history,
        seed=1,
        events=True,
        now=NOW,
        actor=ACTOR,
    )
    company = Company.objects.get(slug=size)
    user = get_user_model().objects.create_superuser(size, password=None)
    Group.objects.create(name=size)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    owner = Membership.objects.create(company=company, user=user, role=Role.OWNER)
    for number in range(drivers):
        issue_token(owner, name=f"machine {number}", now=NOW)
    ImportFile.objects.create(
        company=company, user=user, name="day.csv", data=_bookings_csv(drivers), uploaded_at=NOW
    )
    for driver in Driver.objects.filter(company=company).order_by("id"):
        Absence.objects.create(
            driver=driver, start_at=NOW - timedelta(days=9), end_at=NOW - timedelta(days=8)
        )
    later = list(Booking.objects.on(company, DAY).order_by("id").values_list("id", flat=True))[::2]
    Booking.objects.filter(id__in=later).update(status="pending")
    Measurement.objects.bulk_create(
        Measurement(
            kind=Kind.LOAD, commit=size, at=NOW, engine="SQLite", version="3", size=number % 3,
            machine="one", figures={"p95_ms": number, "indexes": []},
        )
        for number in range(drivers)
    )  # fmt: skip
    hook = Webhook.objects.create(company=company, url="https://localhost/", created_at=NOW)
    Delivery.objects.bulk_create(
        Delivery(webhook=hook, event=event, due_at=NOW, created_at=NOW)
        for event in Event.objects.filter(company=company).order_by("id")[:drivers]
    )
    report = run_dispatch(company, DAY, now=NOW, actor=ACTOR, time_limit_s=0)
    Booking.objects.filter(id__in=later).update(status="accepted")
    return World(company, user, client, DispatchRun.objects.get(id=report.run), bookings)


def all_doors() -> list[BudgetDoor]:
    """Return every door there is, whether it can be measured or not."""
    return [*url_doors(), *command_doors()]


# URLs ------------------------------------------------------------------------------------


def url_doors():
    """Return a GET of every URL of the configuration."""
    return [
        BudgetDoor("urls", _name(route), lambda world, p=pattern, r=route: _get(world, r, p))
        for route, pattern in routes(get_resolver())
    ]


def _name(route):
    """Return the route as the file of budgets has it: without the parameters' patterns."""
    return re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).replace("\\", "")


def routes(resolver, before=""):
    """Yield (route, pattern) of every address, those of the tools left out."""
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern).lstrip("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(pattern, URLResolver):
            if pattern.app_name not in ("silk", "djdt"):
                yield from routes(pattern, route)
        elif "format" not in pattern.pattern.converters and "<format>" not in route:
            yield route, pattern


def _get(world, route, pattern):
    callback = pattern.callback
    actions = getattr(callback, "actions", None)
    if actions and "get" not in actions:
        raise NotMeasured("no GET")
    path = "/" + _filled(world, route, callback)
    response = world.client.get(
        path,
        _query(world, route),
        secure=settings.SECURE_SSL_REDIRECT,
        headers={"X-Company": world.company.slug},  # the API asks a superuser which one
    )
    if response.status_code not in SEEN:
        raise NotMeasured(f"GET answers {response.status_code}")
    if getattr(response, "streaming", False):
        list(response.streaming_content)
    return response


def _filled(world, route, callback):
    """Return the path with values for the parameters of the route."""
    parts, rest = [], route
    while True:
        fixed, found, rest = _next_parameter(rest)
        parts.append(fixed)
        if found is None:
            return "".join(parts)
        parts.append(str(_value(world, found, callback)))


def _next_parameter(route):
    """Return (text before, name, text after) of the first <converter:name> or (?P<name>...)."""
    start = route.find("<")
    if start < 0:
        return route.replace("\\", "").replace("/?", "/"), None, ""
    end = route.index(">", start)
    name = route[start + 1 : end].rpartition(":")[2]
    if route[:start].endswith("(?P"):
        depth, at = 1, end + 1
        while depth:
            depth += {"(": 1, ")": -1}.get(route[at], 0)
            at += 1
        return route[: start - 3], name, route[at:]
    return route[:start], name, route[end + 1 :]


VALUES = {"app_label": "bookings", "url": "nowhere", "content_type_id": 1}


def _value(world, name, callback):
    if name in ("company", "company_slug", "slug"):
        return world.company.slug
    if name in ("day", "date"):
        return DAY.isoformat()
    if name in VALUES:
        return VALUES[name]
    if name == "booking":
        return world.assigned()[0]
    if name == "import_file":
        return world.one(ImportFile).pk
    for known, model in (("run", DispatchRun), ("driver", Driver)):
        if name in (known, f"{known}_id"):
            return world.run.pk if known == "run" else world.one(model).pk
    model = _model_of(callback)
    if model is None or name not in ("object_id", "pk", "id"):
        raise NotMeasured(f"no value is known for “{name}”")
    return world.one(model).pk


def _model_of(callback):
    admin = getattr(callback, "model_admin", None)
    if admin is not None:
        return admin.model
    if callback.__name__ == "user_change_password":  # the one that Django does not mark
        return get_user_model()
    view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
    queryset = getattr(view, "queryset", None)
    return getattr(view, "model", None) or getattr(queryset, "model", None)


def _query(world, route):
    """Return the query that a view needs to answer at all."""
    if route.endswith("autocomplete/"):
        return {"app_label": "bookings", "model_name": "booking", "field_name": "client"}
    if route.endswith("telephone/clients/"):
        return {"q": "a"}
    if route.endswith("telephone/client/"):
        return {"client": world.one(Person).pk}
    if route.endswith("telephone/places/"):
        return {"pickup_address": "a"}
    if route.endswith("news/"):
        return {"after": 0}
    if route.endswith("/look/"):
        return {"driver": world.one(Driver).pk}
    if route.endswith("/swap/"):
        return {"other": world.assigned()[1]}
    return {}


# Commands --------------------------------------------------------------------------------


def command_doors():
    """Return every command of our apps; those without a call below need a reason in the file."""
    ours = {
        app.name for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR
    }
    names = sorted(name for name, app in get_commands().items() if app in ours)
    doors = [
        BudgetDoor("commands", name, COMMANDS.get(name, _no_call))
        for name in [*names, *(variant for variant in COMMANDS if " " in variant)]
    ]
    return sorted(doors, key=lambda door: door.name)


def _no_call(world):
    raise NotMeasured("no call of it is written in perf/budget_doors.py")


def _day(command, **options):
    def call(world):
        call_command(
            command,
            company=world.company.slug,
            day=DAY,
            stdout=io.StringIO(),
            stderr=io.StringIO(),
            **options,
        )

    return call


def _bookings_csv(count):
    """Return a file of new bookings of the day after."""
    head = (
        "reference,scheduled_time,client_name,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,"
        "passengers,wheelchairs"
    )
    lines = [
        f"N-{i},2026-06-18T{8 + i % 10:02d}:00,Person {i},46.2,6.1,46.21,6.15,1,0"
        for i in range(count)
    ]
    return "\n".join([head, *lines]).encode()


def _import(world):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bookings.csv"
        file.write_bytes(_bookings_csv(world.bookings))
        call_command("import_bookings", str(file), company=world.company.slug, stdout=io.StringIO())


COMMANDS = {
    "clear_expired": lambda world: call_command("clear_expired", stdout=io.StringIO()),
    "dispatch_day": _day("dispatch_day", time_limit=0),
    "dispatch_day --preview": _day("dispatch_day", time_limit=0, preview=True),
    "export_plan": _day("export_plan"),
    "export_plan --format json": _day("export_plan", format="json"),
    "import_bookings": _import,
    "revert_dispatch": lambda world: call_command(
        "revert_dispatch", str(world.run.pk), stdout=io.StringIO()
    ),
    "seed_fleet": lambda world: call_command(
        "seed_fleet", company=world.company.slug, drivers=2 * world.bookings, stdout=io.StringIO()
    ),
    "seed_scenario": lambda world: call_command(
        "seed_scenario",
        company=f"{world.company.slug}-new",
        date=DAY,
        bookings=world.bookings,
        stdout=io.StringIO(),
    ),
    "create_company": lambda world: call_command(
        "create_company",
        slug=f"{world.company.slug}-new",
        timezone="Europe/Zurich",
        depot="46.17,6.12",
        stdout=io.StringIO(),
    ),
    "create_token": lambda world: call_command(
        "create_token",
        company=world.company.slug,
        user=world.user.username,
        stdout=io.StringIO(),
    ),
}
