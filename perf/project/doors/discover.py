"""Every way in, found by itself: the URL configuration is walked, and the apps' commands.

A door is called on a `World`: an invented company with bookings, drivers, a plan, a past.
"""

import io
import tempfile
from contextlib import nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from unittest import mock

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command, get_commands
from django.urls import get_resolver, resolve

from bookings.models import Client as Person
from bookings.models import CompanyPlace, ImportFile
from dispatch.models import DispatchRun
from drivers.models import Driver
from perf.doors.door import Door, Doors, NotMeasured
from perf.doors.routes import route_name, routes
from perf.project.doors import addresses
from perf.project.doors.pages import admin_doors, api_doors, driver_doors, portal_doors
from perf.project.doors.sample_company import (
    DAY,
    NOW,
    ORDERS,
    SIZES,
    bookings_csv,
    make_world,
    orders_csv,
    secret_of,
)
from perf.project.doors.visitor import Visit
from perf.project.doors.writes import ASKED, WRITING, send

# 403 and 405 are answers too: a door that is opened later sends more.
SEEN = {200, 301, 302, 304, 403, 405}
PLANNED_PAST = 6_000  # bookings, for SQLite's planner
GUARDED = frozenset({"bookings_booking", "dispatch_assignment", "bookings_event"})


def all_doors() -> list[Door]:
    """Return every door there is, whether it can be measured or not."""
    return [*url_doors(), *command_doors()]


# URLs ------------------------------------------------------------------------------------


def url_doors():
    """Return a GET of every URL of the configuration, and what the API takes beside it."""
    found = []
    for route, pattern in routes(get_resolver()):
        actions = getattr(pattern.callback, "actions", None)
        if actions is None or "get" in actions:
            found.append(
                Door("urls", route_name(route), lambda w, p=pattern, r=route: _get(w, r, p))
            )
        for method in (method for method in WRITING if method in (actions or ())):
            name = f"{method.upper()} {route_name(route)}"
            found.append(
                Door("urls", name, lambda w, p=pattern, r=route, n=name: _write(w, r, p, n))
            )
    return found


def _get(world, route, pattern):
    asked = ASKED.get(f"GET {route_name(route)}")
    pk = asked(world).pk if asked else None
    path = "/" + _filled(world, route, pattern.callback, pk)
    view = resolve(path).view_name
    query = QUERIES[view](world) if view in QUERIES else {}
    # By the real clock the trips of the invented day are over, and their pages closed.
    is_of_the_day = view in (addresses.TRIP_PAGE, addresses.WARD_PAGE)
    with (
        mock.patch("django.utils.timezone.now", return_value=NOW)
        if is_of_the_day
        else nullcontext()
    ):
        response = world.client.get(
            path,
            query,
            secure=settings.SECURE_SSL_REDIRECT,
            headers={"X-Company": world.company.slug},  # the API asks a superuser which one
        )
    if response.status_code not in SEEN:
        raise NotMeasured(f"GET answers {response.status_code}")
    if getattr(response, "streaming", False):
        list(response.streaming_content)
    return response


def _write(world, route, pattern, name):
    if name not in ASKED:
        raise NotMeasured("perf/project/doors/writes.py does not know what to send")
    asked = ASKED[name](world)
    send(world, name, "/" + _filled(world, route, pattern.callback, asked.pk), asked)


def _filled(world, route, callback, pk=None):
    """Return the path with values for the parameters of the route."""
    parts, rest = [], route
    while True:
        fixed, found, rest = _next_parameter(rest)
        parts.append(fixed)
        if found is None:
            return "".join(parts)
        parts.append(str(pk or _value(world, found, callback)))


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


VALUES = {
    "app_label": "bookings",
    "url": "nowhere",
    "content_type_id": 1,
    "key": "of-nobody",
    "uidb64": "MQ",
    "token": "not-a-token",
}


def _value(world, name, callback):
    if name in ("company", "company_slug", "slug"):
        return world.company.slug
    if name in ("day", "date"):
        return DAY.isoformat()
    if name in VALUES:
        return VALUES[name]
    if name == "secret":
        return secret_of(world.company)
    if name in ("booking", "ids"):
        return world.assigned()[0].booking_id
    if name in ("kept", "gone"):
        kept = world.one(Person)
        others = Person.objects.filter(company=world.company).exclude(pk=kept.pk).order_by("id")
        return kept.pk if name == "kept" else others.values_list("pk", flat=True)[0]
    if name == "person":
        return world.one(Person).pk
    if name == "import_file":
        return world.one(ImportFile).pk
    if name == "orders_file":
        return ImportFile.objects.get(company=world.company, name=ORDERS).pk
    for known, model in (("run", DispatchRun), ("driver", Driver), ("place", CompanyPlace)):
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


# What a view needs to be asked to answer at all, and to answer most.
QUERIES = {
    addresses.AUTOCOMPLETE: lambda world: {
        "app_label": "bookings",
        "model_name": "booking",
        "field_name": "client",
    },
    addresses.TELEPHONE_CLIENTS: lambda world: {"q": "a"},
    addresses.TELEPHONE_CLIENT: lambda world: {"client": world.one(Person).pk},
    addresses.TELEPHONE_PLACES: lambda world: {"q": "a"},
    addresses.API_PLACES: lambda world: {"q": "a"},
    addresses.API_REPORTS: lambda world: {
        "from": DAY.isoformat(),
        "until": (DAY + timedelta(days=30)).isoformat(),
    },
    addresses.SEARCH: lambda world: {"s": "a"},
    addresses.NEWS: lambda world: {"after": 10**12, "day": DAY.isoformat(), "fleet": "another"},
    addresses.LOOK: lambda world: {"driver": world.one(Driver).pk},
    addresses.TRIP_PAGE: lambda world: {"k": world.key_of_trip()},
    addresses.WARD_PAGE: lambda world: {"k": secret_of(world.company)},
    addresses.SWAP: lambda world: {"other": world.assigned()[1].booking_id},
}


# Commands --------------------------------------------------------------------------------


def command_doors():
    """Return every command of our apps; those without a call below need a reason in the file."""
    ours = {
        app.name for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR
    }
    names = sorted(name for name, app in get_commands().items() if app in ours)
    doors = [
        Door("commands", name, COMMANDS.get(name, _no_call))
        for name in [*names, *(variant for variant in COMMANDS if " " in variant)]
    ]
    return sorted(doors, key=lambda door: door.name)


def _no_call(world):
    raise NotMeasured("no call of it is written in perf/project/doors/discover.py")


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


def _import(world):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bookings.csv"
        file.write_bytes(bookings_csv(world.bookings))
        call_command("import_bookings", str(file), company=world.company.slug, stdout=io.StringIO())


def _import_addresses(world):
    rows = (f"46.2,6.1,{number},Rue du Stand,Ici" for number in range(world.bookings))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "addresses.csv"
        file.write_text("\n".join(["lat,lon,number,street,city", *rows]), encoding="utf-8")
        call_command("import_addresses", str(file), stdout=io.StringIO())


def _import_series(world):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ORDERS
        file.write_bytes(orders_csv(world.bookings))
        call_command("import_series", str(file), company=world.company.slug, stdout=io.StringIO())


def _check_invariants(world):
    with suppress(CommandError):  # the sample's rows were written past the use-cases
        call_command("check_invariants", stdout=io.StringIO(), stderr=io.StringIO())


def _person(world):
    return {
        "company": world.company.slug,
        "client": world.one(Person).pk,
        "stdout": io.StringIO(),
    }


COMMANDS = {
    "make_series": lambda world: call_command(
        "make_series", "--company", world.company.slug, stdout=io.StringIO()
    ),
    "check_invariants": _check_invariants,
    "clear_expired": lambda world: call_command("clear_expired", stdout=io.StringIO()),
    "dispatch_day": _day("dispatch_day", time_limit=0),
    "dispatch_day --preview": _day("dispatch_day", time_limit=0, preview=True),
    "export_plan": _day("export_plan"),
    "export_plan --format json": _day("export_plan", format="json"),
    "import_addresses": _import_addresses,
    "import_bookings": _import,
    "import_series": _import_series,
    "recompute_pickups": lambda world: call_command(
        "recompute_pickups", company=world.company.slug, stdout=io.StringIO()
    ),
    "seal_events": lambda world: call_command("seal_events", stdout=io.StringIO()),
    "forget_expired": lambda world: call_command("forget_expired", stdout=io.StringIO()),
    "rewrap_keys": lambda world: call_command("rewrap_keys", stdout=io.StringIO()),
    "export_person": lambda world: call_command("export_person", **_person(world)),
    "forget_person": lambda world: call_command(
        "forget_person", reason="measured", dry_run=True, **_person(world)
    ),
    "tend_runs": lambda world: call_command("tend_runs", stdout=io.StringIO()),
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


def find_lists(world):
    """Return each list by each filter, in each order and searched, and a row of each."""
    visit = Visit(world.company, DAY, NOW)
    return [
        _list_door(way, visit)
        for way in (*admin_doors(), *api_doors(), *portal_doors(), *driver_doors())
    ]


def _list_door(way, visit):
    def found(world):
        return () if way.find is None else (way.find(visit),)

    def enter(given):
        way.enter(visit, *given)

    return Door("urls", way.name, enter, found)


DOORS = Doors(
    find=all_doors,
    make=make_world,
    sizes=tuple(SIZES),
    make_planned=lambda: make_world("large", history=PLANNED_PAST),
    guarded=GUARDED,
    make_grown=lambda bookings: make_world("large", history=bookings),
    find_grown=find_lists,
)
