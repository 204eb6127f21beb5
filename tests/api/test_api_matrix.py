"""Every endpoint, for every role, for the own, another customer's and another company's rows.

The endpoints come from the URL configuration: a new one is in the matrix by itself, and where
it needs a row that `ROWS` does not know, the matrix fails.
"""

import re

import pytest
from django.urls import get_resolver
from rest_framework.test import APIClient

from drivers.models import Role
from drivers.rest.access import roles_of
from tests.support import builders as make
from tests.support.callers import caller

DOCUMENTATION = {"schema", "docs", "redoc"}


def endpoints():
    """Yield (path template, method, view class, action) of everything below /api/."""

    def walk(patterns, prefix):
        for pattern in patterns:
            path = prefix + re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", str(pattern.pattern))
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns, path)
            else:
                yield path, pattern

    for path, pattern in walk(get_resolver().url_patterns, "/"):
        if not path.startswith("/api/") or pattern.name in DOCUMENTATION or "format" in path:
            continue
        view = getattr(pattern.callback, "cls", None)
        for method, action in getattr(pattern.callback, "actions", {}).items():
            yield path.replace("^", "").replace("$", "").replace("\\", ""), method, view, action


ENDPOINTS = sorted(set(endpoints()), key=lambda row: row[:2])


def ids():
    return [f"{method.upper()} {path}" for path, method, _view, _action in ENDPOINTS]


def _token(company, customer=None):
    member = make.member(company)
    caller(Role.DISPATCHER, company, user=member)
    return member.memberships.get().tokens.get()


def _trip(company, **owner):
    booking = make.booking(company, client=make.client(company, **owner), **owner)
    make.assignment(booking, make.driver(company))
    return booking


def _delivery(company, customer=None):
    return make.delivery(company, customer=customer)


def _saved_place(company, **owner):
    client = make.client(company, **owner)
    return client.places.create(
        label="Ward", address="Secret street 4", lat=make.HOSPITAL[0], lon=make.HOSPITAL[1]
    )


def _preference(company):
    return make.client(company).driver_preferences.create(
        driver=make.driver(company), kind="preferred"
    )


# Rows that a customer owns; they take `customer`. All others are the company's alone.
OWNED = {
    "clients": make.client,
    "client-places": _saved_place,
    "webhooks": make.webhook,
    "webhook-deliveries": _delivery,
    "bookings": make.booking,
    "assignments": lambda company, **owner: _trip(company, **owner).assignments.get(),
    "me/trips": _trip,
}
ROWS = {
    "companies": lambda company: company,
    "vehicles": make.vehicle,
    "drivers": make.driver,
    "shifts": lambda company: make.shift(make.driver(company)),
    "absences": lambda company: make.driver(company).absences.create(
        start_at=make.at("09:00"), end_at=make.at("10:00")
    ),
    "vehicle-absences": lambda company: make.vehicle(company).absences.create(
        start_at=make.at("09:00"), end_at=make.at("10:00")
    ),
    "tokens": _token,
    "members": lambda company: make.member(company).memberships.get(),
    "shift-patterns": lambda company: make.driver(company).shift_templates.create(
        weekday=2, start="06:00", end="14:00"
    ),
    "driver-preferences": _preference,
    "customers": make.customer,
    "invitations": make.invitation,
    "pauses": lambda company: make.series(company).pauses.create(
        company=company, first_day=make.DAY
    ),
    "series": make.series,
    "company-places": make.place,
    "dispatch-runs": make.run,
    **OWNED,
}


def row_of(path, company, **owner):
    kind = kind_of(path)
    return (OWNED if owner else ROWS)[kind](company, **owner)


def kind_of(path):
    return path.removeprefix("/api/v1/").split("/{")[0].strip("/")


def call(client, method, path, body=None):
    return getattr(client, method)(path, *([] if method == "get" else [body or {}]))


def test_there_are_endpoints():
    assert len(ENDPOINTS) > 50
    assert all(view is not None for _path, _method, view, _action in ENDPOINTS)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(("path", "method", "view", "action"), ENDPOINTS, ids=ids())
def test_every_role_gets_what_it_may_and_nothing_of_others(path, method, view, action):
    own, other = make.company("geneva"), make.company("lausanne")
    body = {  # what some cannot do without
        "assign": {"driver": make.driver(own).pk},
        "reassign": {"driver": make.driver(own).pk},
        "progress": {"status": "en_route"},
        "correct": {"reason": "The wrong trip."},
        "undo": {"day": "2026-06-17", "action": 1},
        "follow": {
            "change": {
                "kind": "assign",
                "driver_id": make.driver(own).pk,
                "pickup_at": "2026-06-17T09:00:00+02:00",
            },
            "key": "another",
        },
    }.get(action)

    def address(company, **owner):
        if "{" not in path:
            return path
        return path.replace("{pk}", str(row_of(path, company, **owner).pk))

    stranger = call(APIClient(), method, address(own))
    assert (stranger.status_code, stranger["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    allowed = roles_of(view, action)
    assert allowed, "an endpoint that nobody may use"
    for role in Role:
        client = caller(role, own)
        # What is asked of a client system is its customer's; a company's own row is not.
        mine = {"customer": own.default_customer} if role == Role.CLIENT_API else {}
        is_owned = kind_of(path) in OWNED
        response = call(client, method, address(own, **(mine if is_owned else {})), body)
        assert response.status_code < 500, response.content
        if role not in allowed:
            assert response.status_code == 403, (role, response.content)
            continue
        if not path.startswith("/api/v1/me/"):  # this member is no driver: nothing is theirs
            assert response.status_code not in (401, 403, 404), (role, response.content)
        if "{" in path:
            response = call(client, method, address(other), body)
            assert response.status_code == 404, (role, response.content)
            assert other.name not in response.content.decode()


# What a list must be asked with.
NEEDED = {
    "/api/v1/places/": {"q": "avenue"},
    "/api/v1/reports/": {"from": "2026-06-01", "until": "2026-07-01"},
}


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(("path", "method", "view", "action"), ENDPOINTS, ids=ids())
def test_a_client_system_finds_nothing_of_another_customer(path, method, view, action):
    own = make.company("geneva")
    hospital, clinic = make.customer(own, "Hospital"), make.customer(own, "Secret clinic")
    portal = caller(Role.CLIENT_API, own, customer=hospital)
    if Role.CLIENT_API not in roles_of(view, action):
        return
    for kind, make_row in OWNED.items():
        fields = {"name": "Secret Sara"} if kind == "clients" else {}
        make_row(own, customer=clinic, **fields)
    if "{" not in path:
        asked = NEEDED.get(path, {})
        response = portal.get(path, asked) if method == "get" else call(portal, method, path)
        assert "Secret" not in response.content.decode()
        if action == "list" and "companies" not in path:
            assert response.json()["results"] == []
        return
    if kind_of(path) not in OWNED:
        return
    theirs = path.replace("{pk}", str(row_of(path, own, customer=clinic).pk))
    unknown = path.replace("{pk}", "999999999")
    answer, nothing = call(portal, method, theirs), call(portal, method, unknown)
    assert (answer.status_code, answer.json()) == (404, nothing.json())


@pytest.mark.django_db
def test_no_list_shows_a_row_of_another_company():
    own, other = make.company("geneva"), make.company("lausanne")
    theirs = {}
    for kind, make_row in ROWS.items():
        make_row(own)
        theirs[kind] = make_row(other).pk
    owner = caller(Role.OWNER, own)
    for path, method, _view, action in ENDPOINTS:
        if method != "get" or action != "list" or "/me/" in path:
            continue
        asked = NEEDED.get(path, {"limit": 200})
        rows = owner.get(path, asked).json()["results"]
        kind = path.removeprefix("/api/v1/").strip("/")
        assert kind not in theirs or theirs[kind] not in {row["id"] for row in rows}
        assert "lausanne" not in str(rows).lower()


@pytest.mark.django_db
def test_rows_of_another_company_cannot_be_named_in_a_body():
    own, other = make.company("geneva"), make.company("lausanne")
    owner = caller(Role.OWNER, own)
    for path, body, field in (
        ("drivers/", {"name": "Anna", "vehicle": make.vehicle(other).pk}, "vehicle"),
        (
            "shifts/",
            {
                "driver": make.driver(other).pk,
                "start_at": "2026-06-17T06:00:00Z",
                "end_at": "2026-06-17T14:00:00Z",
            },
            "driver",
        ),
        (
            f"bookings/{make.booking(own).pk}/",
            {"client": make.client(other).pk},
            "client",
        ),
        (
            f"bookings/{make.booking(own).pk}/",
            {"return_of": make.booking(other).pk},
            "return_of",
        ),
        (
            f"bookings/{make.booking(own).pk}/assign/",
            {"driver": make.driver(other).pk},
            "driver",
        ),
        ("tokens/", {"name": "x", "member": make.member(other).memberships.get().pk}, "member"),
        (
            f"members/{make.member(own).memberships.get().pk}/",
            {"driver": make.driver(other).pk},
            "driver",
        ),
        (
            "shift-patterns/",
            {"driver": make.driver(other).pk, "weekday": 0, "start": "06:00", "end": "14:00"},
            "driver",
        ),
        (
            "client-places/",
            {
                "client": make.client(other).pk,
                "label": "x",
                "address": "x",
                "lat": 46.2,
                "lon": 6.1,
            },
            "client",
        ),
        (
            "driver-preferences/",
            {"client": make.client(own).pk, "driver": make.driver(other).pk, "kind": "forbidden"},
            "driver",
        ),
    ):
        send = owner.patch if re.search(r"(bookings|members)/\d+/$", path) else owner.post
        response = send(f"/api/v1/{path}", body)
        assert response.status_code == 400, response.content
        assert [row["field"] for row in response.json()["errors"]] == [field]
