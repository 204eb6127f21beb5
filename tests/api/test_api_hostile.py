"""What nobody should send: a 4xx in the API's shape, never a 500."""

import json
from functools import partial

import pytest

from drivers.models import Role
from drivers.rest.paging import hide
from drivers.rest.throttling import CallerThrottle
from tests.api.test_api_matrix import ENDPOINTS, row_of
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

BODIES = {
    "no JSON": b"{",
    "nothing": b"",
    "NaN": b'{"pickup_lat": NaN}',
    "infinity": b'{"pickup_lat": 1e999}',
    "lone surrogate": rb'{"reference": "\ud800"}',
    "NUL": rb'{"reference": "\u0000", "name": "a\u0000b", "reason": "\u0000"}',
    "latin-1": b'{"reference": "\xe9"}',
    "deep": b"[" * 100_000,
    "list": b"[]",
    "text": b'"x"',
    "number": b"1",
    "null": b"null",
    "many digits": b'{"passengers": ' + b"9" * 5_000 + b"}",
}
VALUES = [
    None, True, 0, -1, 1.5, 10**300, -(10**300), 2**63, 2**31, "", "x", "nan", "1e300", "1e5",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "0001-01-01",
    "2026-06-17T09:00:00", "2026-02-30", "\u0000", "é" * 10_000, [], [None], [[1]], {}, {"id": 1},
]  # fmt: skip
FIELDS = [
    "reference", "client", "return_of", "pickup_address", "pickup_lat", "pickup_lon",
    "scheduled_time", "appointment_at", "passengers", "wheelchairs", "needs", "priority", "notes",
    "name", "phone", "wheelchair", "lat", "plate", "seats", "skills", "vehicle", "kind",
    "max_bookings", "home_lat", "driver", "start_at", "end_at", "break_min", "break_from_at",
    "reason", "day", "preview", "time_limit_s", "seed", "status", "at", "pickup_at", "override",
    "positions", "is_available", "member", "role", "days", "mode", "bookings", "timezone",
    "speed_kmh", "freeze_min", "fairness", "depot_lat",
]  # fmt: skip


def in_shape(response):
    assert response.status_code < 500, response.content
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert {"type", "title", "status", "detail"} <= problem.keys()
        assert problem["status"] == response.status_code
    return response


def addresses():
    company = make.company()
    for path, method, _view, _action in ENDPOINTS:
        yield path.replace("{pk}", str(row_of(path, company).pk)) if "{" in path else path, method


def callers():
    """Return an owner, and a driver who is one: between them they may do everything."""
    user = make.member(role=Role.DRIVER)
    make.driver(user=user)
    return [caller(Role.OWNER), caller(Role.DRIVER, user=user)]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_body_is_too_bad(body):
    changing = [(path, method) for path, method in addresses() if method in ("post", "patch")]
    owner, driver = callers()
    for path, method in changing:
        client = driver if "/me/" in path else owner
        in_shape(getattr(client, method)(path, body, content_type="application/json"))


@pytest.mark.slow
def test_no_value_is_too_bad():
    changing = [(path, method) for path, method in addresses() if method in ("post", "patch")]
    owner, driver = callers()
    for path, method in changing:
        send = partial(send_all, getattr(driver if "/me/" in path else owner, method), path)
        refused = {
            row["field"]
            for row in send(None, FIELDS).get("errors", [])
            if row["code"] in ("unknown", "read_only")
        }
        for value in VALUES:
            send(value, [name for name in FIELDS if name not in refused])


def send_all(send, path, value, names):
    body = json.dumps(dict.fromkeys(names, value))
    answer = in_shape(send(path, body, content_type="application/json"))
    return answer.json() if answer.content else {}


@pytest.mark.parametrize("field", sorted(booking_values()) + ["client", "appointment_at", "needs"])
@pytest.mark.slow
def test_each_field_of_a_booking_is_read_strictly(field):
    portal = caller(Role.CLIENT_API)
    for number, value in enumerate(VALUES):
        body = booking_values(f"H-{number}") | {field: value, "far_meant": True}
        for path, sent in (("bookings/", body), ("bookings/bulk/", {"bookings": [body]})):
            response = portal.post(
                f"{API}{path}", json.dumps(sent), content_type="application/json"
            )
            if in_shape(response).status_code == 400:
                assert field in json.dumps(response.json()["errors"])


PARAMETERS = [
    "cursor", "limit", "ordering", "search", "fields", "expand", "from", "until", "status",
    "client", "driver", "booking", "after", "day", "top", "open", "is_active", "format",
    "priority", "reference", "run", "locked",
]  # fmt: skip
# Each list meets each parameter with three of them, and each parameter meets all of them.
TEXTS = [
    "", "x", "-1", "9" * 30, "%00", "%ED%A0%80", "1e9", "NaN", "9999-12-31T23:59:59-14:00", "null",
]  # fmt: skip


@pytest.mark.slow
def test_no_query_parameter_is_too_bad():
    lists = [path for path, method in addresses() if method == "get"]
    assert len(lists) > len(TEXTS)
    owner, driver = callers()
    for number, path in enumerate(lists):
        client = driver if "/me/" in path else owner
        for name in PARAMETERS:
            for step in (0, 3, 6):
                value = TEXTS[(number + step) % len(TEXTS)]
                in_shape(client.get(f"{path}?{name}={value}"))


def test_forged_cursors_are_refused():

    portal = caller(Role.CLIENT_API)
    make.booking()
    for text in (
        "[]", "{}", "1", '["-scheduled_time","-id","x","y"]', '["-scheduled_time","-id",null,1]',
        '["-scheduled_time","-id","2026-06-17T09:00:00Z","99999999999999999999999"]',
        '["-scheduled_time","-id","0001-01-01T00:00:00+14:00","1"]',
        '["-scheduled_time","-id","2026-06-17","1"]', '["password","id","1","1"]', "[" * 5_000,
    ):  # fmt: skip
        cursor = hide(text)
        response = in_shape(portal.get(f"{API}bookings/?cursor={cursor}"))
        assert response.status_code in (200, 400)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("bookings/?until=", "until"),
        ("bookings/?status=", "status"),
        ("bookings/?limit=", "limit"),
        ("bookings/?limit=1&limit=200", "limit"),
        ("events/?after=", "after"),
        ("clients/?wheelchair=null", "wheelchair"),
        ("clients/?wheelchair=1", "wheelchair"),
    ],
)
def test_a_parameter_that_would_filter_nothing_is_refused(query, field):
    response = in_shape(caller(Role.CLIENT_API).get(API + query))
    assert response.status_code == 400
    assert [row["field"] for row in response.json()["errors"]] == [field]


def test_true_is_not_a_number():
    owner = caller(Role.OWNER)
    for path, name in (("drivers/", "is_active"), ("clients/", "wheelchair")):
        refused = in_shape(owner.post(API + path, {"name": "Ada", name: 1}))
        assert [row["field"] for row in refused.json()["errors"]] == [name]


def test_large_bodies_and_other_types_are_refused():
    portal = caller(Role.CLIENT_API)
    large = b'{"notes": "' + b"x" * (4 * 1024 * 1024) + b'"}'
    too_large = portal.post(f"{API}bookings/", large, content_type="application/json")
    assert in_shape(too_large).status_code == 413
    text = portal.post(f"{API}bookings/", b"a=1", content_type="text/plain")
    assert in_shape(text).status_code == 415
    rows = [booking_values(str(n)) for n in range(1_001)]
    assert in_shape(portal.post(f"{API}bookings/bulk/", {"bookings": rows})).status_code == 400


def test_unknown_addresses_and_methods_have_the_same_shape():
    owner = caller(Role.OWNER)
    assert in_shape(owner.get(f"{API}nothing/")).status_code == 404
    assert in_shape(owner.get("/api/v2/bookings/")).status_code == 404
    for address in (f"{API}bookings", f"{API}bookings/1", f"{API}me/day"):
        for answer in (owner.get(address), owner.post(address, {})):
            assert in_shape(answer).status_code == 404
            assert answer.json()["detail"] == f"Addresses end with a slash: {address}/"
    assert in_shape(owner.get(f"{API}nothing")).json()["detail"] == "Not found."
    assert in_shape(owner.get(f"{API}bookings/{10**30}/")).status_code == 404
    assert in_shape(owner.get(f"{API}bookings/{10**17}/")).status_code == 404
    assert in_shape(owner.put(f"{API}bookings/{make.booking().pk}/", {})).status_code == 405
    assert in_shape(owner.get(f"{API}bookings/", HTTP_ACCEPT="image/png")).status_code == 406


def test_keys_that_are_none_are_refused():
    owner = caller(Role.OWNER)
    for key in ("", "x", "é", "dsp_" + "a" * 43, "a" * 100_000):
        owner.credentials(HTTP_AUTHORIZATION=f"Bearer {key}".encode().decode("latin-1"))
        assert in_shape(owner.get(f"{API}bookings/")).status_code == 401


def test_a_caller_who_asks_too_much_waits(monkeypatch):

    monkeypatch.setattr(CallerThrottle, "rate", "3/minute", raising=False)
    greedy, other = caller(Role.OWNER), caller(Role.OWNER)
    codes = [greedy.get(f"{API}companies/").status_code for _n in range(4)]
    assert codes == [200, 200, 200, 429]
    waits = in_shape(greedy.get(f"{API}companies/"))
    assert 0 < int(waits["Retry-After"]) <= 60
    assert other.get(f"{API}companies/").status_code == 200


def test_a_stranger_gets_no_more_by_naming_other_addresses(monkeypatch, client):
    caller(Role.OWNER)  # forgets what was counted before
    monkeypatch.setattr(CallerThrottle, "rate", "3/minute", raising=False)
    codes = [
        client.get(f"{API}docs/", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
        for n in range(4)
    ]
    assert codes == [200, 200, 200, 429]
