"""`If-Match` is compared where the row cannot change before it is written."""

from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.api import bookings
from bookings.models import Booking
from bookings.save import StaleBookingError
from dispatch.api import runs
from dispatch.models import Assignment, DispatchRun
from dispatch.trips import decisions
from drivers.api import guarded
from drivers.fleet import changes
from drivers.models import Driver, Role, Shift
from drivers.rest import views
from tests.api.test_api import duty, tomorrow
from tests.api.test_api_matrix import row_of
from tests.dispatch.runs.test_concurrency import together
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("webhooks/{pk}/rotate/", "post"),
        ("webhook-deliveries/{pk}/redeliver/", "post"),
        ("tokens/{pk}/revoke/", "post"),
        ("tokens/{pk}/rotate/", "post"),
        ("members/{pk}/", "patch"),
        ("members/{pk}/", "delete"),
        ("client-places/{pk}/", "patch"),
        ("client-places/{pk}/", "delete"),
        ("shift-patterns/{pk}/", "patch"),
        ("driver-preferences/{pk}/", "delete"),
        ("invitations/{pk}/resend/", "post"),
        ("invitations/{pk}/revoke/", "post"),
        ("dispatch-runs/{pk}/discard/", "post"),
        ("webhooks/{pk}/", "patch"),
        ("webhooks/{pk}/", "delete"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_an_etag_is_compared_under_the_lock_of_its_row(monkeypatch, path, method):
    company = make.company()
    row, owner = row_of(API + path, company), caller(Role.OWNER, company)
    DispatchRun.objects.update(status="preview")
    compare, compared = views.compare_tag, []

    def compare_locked(request, current):
        locks = any("FOR NO KEY UPDATE" in query["sql"] for query in seen)
        compared.append(
            connection.in_atomic_block and (locks or not connection.features.has_select_for_update)
        )
        return compare(request, current)

    monkeypatch.setattr(views, "compare_tag", compare_locked)
    address = API + path.replace("{pk}", str(row.pk))
    with CaptureQueriesContext(connection) as seen:
        done = getattr(owner, method)(address, {}, HTTP_IF_MATCH="*")
    assert done.status_code in (200, 201, 204), done.content
    assert compared == [True]


@pytest.mark.django_db(transaction=True)
def test_of_many_with_one_etag_at_once_one_revokes():
    company = make.company()
    owner, token = caller(Role.OWNER, company), row_of(f"{API}tokens/", company)
    path = f"{API}tokens/{token.pk}/"
    tag = owner.get(path)["ETag"]
    results = together(*[lambda: owner.post(f"{path}revoke/", {}, HTTP_IF_MATCH=tag)] * 4)
    assert sorted(r.status_code for r in results) == [200, 412, 412, 412]


def test_who_applies_a_preview_that_another_has_just_applied_is_told_so_by_the_etag(monkeypatch):
    dispatcher = caller()
    duty()
    make.booking(scheduled_time=tomorrow("09:00"))
    body = {"day": str(tomorrow("09:00").date()), "time_limit_s": 0, "preview": True}
    run = dispatcher.post(f"{API}dispatch-runs/", body).json()["run"]
    path = f"{API}dispatch-runs/{run}/"
    tag = dispatcher.get(path)["ETag"]

    def be_late(*args, apply=runs.apply_preview, **options):
        apply(*args, **options)
        return apply(*args, **options)

    monkeypatch.setattr(runs, "apply_preview", be_late)
    late = dispatcher.post(f"{path}apply/", {}, HTTP_IF_MATCH=tag)
    assert (late.status_code, late.json()["type"]) == (412, "urn:dispatchsite:problem:stale")
    monkeypatch.undo()
    assert dispatcher.post(f"{path}apply/", {}).status_code == 409


def outcome(response):
    return response.status_code, response.json()["type"].rpartition(":")[2]


def just_before_locking(monkeypatch, act):
    """Let somebody else act after the row was read, and before its driver is locked."""

    def change_late(*args, **options):
        act()
        return changes.changing(*args, **options)

    monkeypatch.setattr(guarded, "changing", change_late)


@pytest.mark.parametrize("method", ["patch", "delete"])
@pytest.mark.parametrize(
    ("act", "with_tag", "with_any", "without"),
    [
        ("give", (412, "stale"), (409, "stale"), (409, "stale")),
        ("delete", (404, "not_found"), (404, "not_found"), (404, "not_found")),
    ],
)
def test_who_loses_a_race_for_a_shift_is_told_what_became_of_it(
    monkeypatch, method, act, with_tag, with_any, without
):
    dispatcher = caller()
    for headers, expected in (
        ({"HTTP_IF_MATCH": "its tag"}, with_tag),
        ({"HTTP_IF_MATCH": "*"}, with_any),
        ({}, without),
    ):
        shift = make.shift(make.driver())
        path = f"{API}shifts/{shift.pk}/"
        if headers.get("HTTP_IF_MATCH") == "its tag":
            headers["HTTP_IF_MATCH"] = dispatcher.get(path)["ETag"]
        rows, other = Shift.objects.filter(pk=shift.pk), make.driver()
        give = partial(rows.update, driver=other)
        lose = {"give": give, "delete": rows.delete}[act]
        with monkeypatch.context() as patch:
            just_before_locking(patch, lose)
            late = getattr(dispatcher, method)(path, {}, **headers)
        assert outcome(late) == expected, headers


def test_a_vehicle_that_is_as_it_was_but_has_other_drivers_is_a_conflict(monkeypatch):
    dispatcher, vehicle = caller(), make.driver().vehicle
    path = f"{API}vehicles/{vehicle.pk}/"
    tag = dispatcher.get(path)["ETag"]
    locked = changes._locked

    def lock_and_give(queryset):
        rows = locked(queryset)
        make.driver(vehicle=vehicle)
        return rows

    monkeypatch.setattr(changes, "_locked", lock_and_give)
    late = dispatcher.patch(path, {"seats": 3}, HTTP_IF_MATCH=tag)
    assert outcome(late) == (409, "stale")
    assert Driver.objects.filter(vehicle=vehicle).count() == 1  # all is rolled back
    monkeypatch.undo()
    assert dispatcher.patch(path, {"seats": 3}, HTTP_IF_MATCH=tag).status_code == 200


@pytest.mark.parametrize(
    ("changed", "headers", "expected"),
    [
        ("booking", "tag", (412, "stale")),
        ("assignment", "tag", (412, "stale")),
        ("others", "tag", (409, "stale")),
        ("booking", "*", (409, "stale")),
        ("booking", None, (409, "stale")),
    ],
)
@pytest.mark.parametrize("door", ["patch", "release"])
def test_who_loses_a_race_for_a_trip_is_told_whether_it_has_changed(
    monkeypatch, door, changed, headers, expected
):
    dispatcher, trip = caller(), make.assignment(make.booking(), make.driver())
    path = f"{API}bookings/{trip.booking_id}/"
    wanted = dispatcher.get(path)["ETag"] if headers == "tag" else headers
    rows = {
        "booking": Booking.objects.filter(pk=trip.booking_id),
        "assignment": Assignment.objects.filter(pk=trip.pk),
        "others": Booking.objects.filter(pk=make.booking().pk),
    }[changed]

    def lose(*args, **options):
        values = {"updated_at": make.at("08:00")}
        rows.update(**values if changed == "assignment" else {"version": 9})
        raise StaleBookingError("Somebody was faster.")

    monkeypatch.setattr(bookings, "save_booking", lose)
    monkeypatch.setattr(decisions, "release", lose)
    named = {} if wanted is None else {"HTTP_IF_MATCH": wanted}
    if door == "patch":
        late = dispatcher.patch(path, {"notes": "Ring twice."}, **named)
    else:
        late = dispatcher.post(f"{path}release/", {}, **named)
    assert outcome(late) == expected
