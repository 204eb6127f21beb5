"""What a request says and the API does not know is refused by name, never dropped."""

import pytest
from django.utils import timezone

from bookings.models import Booking
from drivers.models import Role
from tests.api.test_api_matrix import ENDPOINTS, row_of
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller

pytestmark = pytest.mark.django_db

WRITING = [(path, method) for path, method, _view, _action in ENDPOINTS if method != "get"]


def refusals(response):
    assert response.status_code == 400, response.content
    assert response.json()["type"] == "urn:dispatchsite:problem:invalid"
    return {(row["field"], row["code"]) for row in response.json()["errors"]}


def sender(path, method):
    company = make.company()
    user = make.member(company, Role.DRIVER) if "/me/" in path else None
    if user:
        make.driver(company, user=user)
    client = caller(Role.DRIVER if user else Role.OWNER, company, user=user)
    address = path.replace("{pk}", str(row_of(path, company).pk)) if "{" in path else path
    return getattr(client, method), address


@pytest.mark.parametrize(("path", "method"), [row for row in WRITING if row[1] != "delete"])
def test_an_unknown_field_is_refused_by_name(path, method):
    send, address = sender(path, method)
    body = {"wheelchiar": True}
    if address.endswith("/bulk/"):
        body |= {"bookings": [booking_values()]}
    if address.endswith("/positions/"):
        body |= {"positions": [{"at": timezone.now().isoformat(), "lat": 46.0, "lon": 6.0}]}
    assert ("wheelchiar", "unknown") in refusals(send(address, body))


@pytest.mark.parametrize(("path", "method"), WRITING)
def test_an_unknown_parameter_is_refused_by_name(path, method):
    send, address = sender(path, method)
    assert refusals(send(f"{address}?wheelchiar=1", {})) == {("wheelchiar", "unknown")}


@pytest.mark.parametrize("path", [path for path, method in WRITING if method == "delete"])
def test_a_deletion_with_a_body_is_refused_by_name_and_deletes_nothing(path):
    send, address = sender(path, "delete")
    assert refusals(send(address, {"reason": "sick"})) == {("reason", "unknown")}
    assert refusals(send(address, [1])) == {("", "invalid")}
    assert send(address, {}).status_code == 204


def test_unknown_fields_of_rows_are_refused_with_their_place():
    portal = caller(Role.CLIENT_API)
    rows = [booking_values("A"), booking_values("B", wheelchair=True)]
    refused = portal.post(f"{API}bookings/bulk/", {"bookings": rows})
    assert refusals(refused) == {("1.wheelchair", "unknown")}
    partly = portal.post(f"{API}bookings/bulk/", {"mode": "partial", "bookings": rows}).json()
    assert [row["outcome"] for row in partly["results"]] == ["created", "refused"]
    assert Booking.objects.count() == 1
    user = make.member(role=Role.DRIVER)
    make.driver(user=user)
    there = {"at": timezone.now().isoformat(), "lat": 46.0, "lon": 6.0}
    phone = caller(Role.DRIVER, user=user)
    refused = phone.post(f"{API}me/positions/", {"positions": [there, there | {"speed": 3}]})
    assert refusals(refused) == {("positions.1.speed", "unknown")}


def test_an_unknown_field_stands_beside_the_other_errors():
    refused = caller(Role.CLIENT_API).post(
        f"{API}bookings/", booking_values(wheelchair=True, passengers=0)
    )
    assert {field for field, _code in refusals(refused)} == {"wheelchair", "passengers"}
