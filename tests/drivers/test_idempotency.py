"""`Idempotency-Key`: done once, answered as often as asked."""

from datetime import date, timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.models import Actor, Booking, Door, Event
from dispatch.api import runs
from dispatch.models import Assignment, DispatchRun
from dispatch.runs import background, queue, run
from dispatch.runs import options as planning
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.previews import plan_preview
from dispatch.runs.run import run_dispatch
from dispatch.trips.cancel import cancel
from drivers.models import Company, Role, StoredAnswer
from drivers.rest.idempotency_keys import CLAIM, KEPT, clear_idempotency_keys
from tests.api.test_api_matrix import ENDPOINTS, row_of
from tests.dispatch.runs.test_concurrency import together
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller
from tests.support.every_door.api import ORDER

pytestmark = pytest.mark.django_db


def post(client, path="bookings/", body=None, key="k1"):
    body = booking_values("") if body is None else body
    return client.post(f"{API}{path}", body, headers={"Idempotency-Key": key})


def problem(response):
    return response.status_code, response.json()["type"].rsplit(":")[-1]


def test_the_same_request_is_done_once_and_answered_twice():
    portal = caller(Role.CLIENT_API)
    first, again = post(portal), post(portal)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (again["Location"], again["ETag"]) == (first["Location"], first["ETag"])
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    assert Booking.objects.count() == 1
    post(portal, key="k2")
    assert Booking.objects.count() == 2


def test_another_request_with_the_key_is_refused():
    portal = caller(Role.CLIENT_API)
    post(portal)
    assert problem(post(portal, body=booking_values("", passengers=2))) == (422, "key_reused")
    bulk = {"bookings": [booking_values("")]}
    assert problem(post(portal, "bookings/bulk/", bulk)) == (422, "key_reused")
    assert Booking.objects.count() == 1


def test_a_key_belongs_to_its_caller():
    assert post(caller(Role.CLIENT_API)).status_code == 201
    other = post(caller(Role.CLIENT_API))
    assert (other.status_code, "Idempotent-Replayed" in other) == (201, False)
    lausanne = make.company("lausanne")
    assert "Idempotent-Replayed" not in post(caller(Role.CLIENT_API, lausanne))


def test_a_bulk_and_a_dispatch_are_done_once():
    dispatcher = caller()
    rows = {"bookings": [booking_values("") for _ in range(3)]}
    assert post(dispatcher, "bookings/bulk/", rows).json()["created"] == 3
    assert post(dispatcher, "bookings/bulk/", rows).json()["created"] == 3
    assert Booking.objects.count() == 3
    day = {"day": "2099-06-17", "time_limit_s": 0}
    first, again = (post(dispatcher, "dispatch-runs/", day, key="d") for _ in range(2))
    assert first.json() == again.json()
    assert DispatchRun.objects.count() == 1


TO_COME = date(2099, 6, 17)
POSTS = [row[0] for row in ENDPOINTS if row[1] == "post"]


@pytest.mark.parametrize("path", POSTS)
def test_every_post_of_the_api_is_done_once(path):
    company = make.company()
    name = path.removeprefix("/api/v1/")
    user = make.member(company, Role.DRIVER) if "/me/" in path else None
    driver = make.driver(company, user=user)
    client = caller(Role.DRIVER if user else Role.OWNER, company, user=user)
    shift = {"start_at": "2026-06-17T06:00:00Z", "end_at": "2026-06-17T14:00:00Z"}
    body = {
        "absences/": {"driver": driver.id, **shift},
        "assignments/{pk}/reassign/": {"driver": driver.id, "override": "x"},
        "bookings/": booking_values(),
        "bookings/bulk/": {"bookings": [booking_values()]},
        "bookings/{pk}/assign/": {"driver": driver.id, "override": "x"},
        "bookings/{pk}/correct/": {"reason": "wrong trip"},
        "bookings/undo/": {"day": str(make.DAY)},
        "bookings/{pk}/progress/": {"status": "en_route"},
        "clients/": {"name": "Ada"},
        "clients/{pk}/forget/": {"reason": "asked"},
        "customers/": {"name": "HUG"},
        "company-places/": {"name": "HUG", "address": "Rue 4", "lat": 46.19, "lon": 6.14},
        "dispatch-runs/": {"day": "2099-06-17", "time_limit_s": 0},
        "drivers/": {"name": "Zoe"},
        "drivers/{pk}/exchange-vehicle/": {"driver": driver.id},
        "me/availability/": {"is_available": False},
        "me/positions/": {"positions": [{"at": "2026-06-17T06:00:00Z", "lat": 1.0, "lon": 1.0}]},
        "me/trips/{pk}/progress/": {"status": "en_route"},
        "quotes/": booking_values(),
        "pauses/": {"client": make.client(company).id, "first_day": str(make.DAY)},
        "series/": {**ORDER, "weekdays": [1]},
        "series/move/": {
            "series": [make.series(company).id],
            "old_lat": 1,
            "old_lon": 1,
            "address": "Quai 1",
            "lat": make.HOME[0],
            "lon": make.HOME[1],
        },
        "shifts/": {"driver": driver.id, **shift},
        "tokens/": {"name": "portal"},
        "shift-patterns/": {
            "driver": driver.id,
            "weekday": 2,
            "start": "06:00",
            "end": "14:00",
        },
        "shift-patterns/fill/": {"week": "2099-06-17"},
        "client-places/": {
            "client": make.client(company).id,
            "label": "Ward",
            "address": "Rue 4",
            "lat": 46.19,
            "lon": 6.14,
        },
        "driver-preferences/": {
            "client": make.client(company).id,
            "driver": driver.id,
            "kind": "forbidden",
        },
        "invitations/": {"email": "a@example.org", "role": "viewer"},
        "vehicle-absences/": {"vehicle": driver.vehicle_id, **shift},
        "vehicles/": {"plate": "GE 1"},
        "webhooks/": {"url": "https://example.org/"},
    }.get(name, {})
    if name == "bookings/undo/":
        locked = make.assignment(make.booking(company), driver)
        assert client.post(f"{API}assignments/{locked.id}/lock/", {}).status_code == 200
        body["action"] = Event.objects.get(kind=Event.Kind.ASSIGNMENT_CHANGED).id
    row = prepared(name, company, driver)
    address = name.replace("{pk}", str(row.pk)) if row else name
    if name == "bookings/{pk}/advice/":
        shown = client.get(API + address).json()["suggestions"][0]
        body = {name: shown[name] for name in ("change", "key")}
    first = post(client, address, body)
    assert first.status_code < 300, first.content
    again = post(client, address, body)
    assert (again.status_code, again["Idempotent-Replayed"]) == (first.status_code, "true")
    if first.content:
        told = first.json()
        if isinstance(told, dict):  # a secret is told once
            told |= dict.fromkeys(told.keys() & {"key", "secret", "link"}, "")
        assert again.json() == told
    assert post(client, f"{address}", body, key="other").get("Idempotent-Replayed") is None
    stored = str(StoredAnswer.objects.values_list("body", flat=True))
    assert "dsp_" not in stored
    assert "whsec_" not in stored
    assert "/invitation/" not in stored


def prepared(name, company, driver):
    """Return the row of the address, in a state in which the request succeeds."""
    kind, _separator, act = name.partition("/{pk}/")
    if not act:
        return None
    if act == "advice/":
        make.shift(driver, day=TO_COME)
        return make.booking(company, day=TO_COME)
    trip = make.booking(company, status="pending" if act == "accept/" else "accepted")
    if act == "ready/":
        return make.booking(company, status="pending", will_call=True)
    if kind == "dispatch-runs":
        if act == "revert/":
            return make.run(company, status="completed")
        company.refresh_from_db()
        plan = {"now": timezone.now(), "actor": Actor(Door.COMMAND, name="test")}
        return DispatchRun.objects.get(id=plan_preview(company, make.DAY, **plan).run)
    if act in ("accept/", "assign/", "cancel/"):
        return trip
    if act == "correct/":
        cancel(company, trip.id, now=timezone.now(), actor=Actor(Door.COMMAND, name="test"))
        return trip
    if kind in ("bookings", "assignments", "me/trips"):
        made = make.assignment(trip, driver)
        if act in ("arrive/", "no-show/"):
            Booking.objects.filter(pk=trip.pk).update(status="en_route")
            type(made).objects.filter(pk=made.pk).update(status="en_route")
        return made if kind == "assignments" else trip
    return row_of(f"/api/v1/{kind}/", company)


def test_a_refused_request_frees_its_key():
    portal = caller(Role.CLIENT_API)
    assert post(portal, body=booking_values("", passengers=0)).status_code == 400
    assert not StoredAnswer.objects.exists()
    assert post(portal).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\x00b", "tab\t"])
def test_a_key_that_is_no_key_is_refused(key):
    refused = post(caller(Role.CLIENT_API), key=key)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_request_that_died_can_be_sent_again_when_its_claim_is_over():
    portal = caller(Role.CLIENT_API)
    first = post(portal)
    StoredAnswer.objects.update(status=None, begun_at=timezone.now() - CLAIM / 2)
    assert problem(post(portal)) == (409, "key_in_use")
    StoredAnswer.objects.update(begun_at=timezone.now() - CLAIM)
    assert post(portal).json()["id"] != first.json()["id"]


def test_answers_are_kept_for_a_day():
    portal, now = caller(Role.CLIENT_API), timezone.now()
    post(portal)
    assert clear_idempotency_keys(now=now) == 0
    StoredAnswer.objects.update(begun_at=now - KEPT)
    assert "Idempotent-Replayed" not in post(portal)
    assert clear_idempotency_keys(now=now + KEPT + timedelta(minutes=1)) == 1


def test_what_a_key_costs():
    portal = caller(Role.CLIENT_API)

    def cost(**options):
        with CaptureQueriesContext(connection) as seen:
            post(portal, **options)
        control = ("SAVEPOINT", "RELEASE", "ROLLBACK")
        return len([q for q in seen if not q["sql"].startswith(control)])

    rows = {"bookings": [booking_values("") for _ in range(30)]}
    # token, key, places, booking, event, booking as it is, answer
    assert cost() == 7
    assert cost() == 3  # token, key, answer
    assert cost(path="bookings/bulk/", body=rows, key="bulk") == 6


@pytest.mark.django_db(transaction=True)
def test_of_many_with_one_key_at_once_one_creates():
    portal = caller(Role.CLIENT_API)
    results = together(*[partial(post, portal)] * 4)
    assert Booking.objects.count() == 1
    assert {r.status_code for r in results} <= {201, 409}
    assert len({r.json()["id"] for r in results if r.status_code == 201}) == 1


def test_what_is_known_is_not_sent_again():
    dispatcher, driver = caller(), make.driver()
    booking = make.booking(client=make.client())
    for path in (f"bookings/{booking.id}/", f"drivers/{driver.id}/"):
        first = dispatcher.get(API + path)
        known = dispatcher.get(API + path, headers={"If-None-Match": f'"x", W/{first["ETag"]}'})
        assert (known.status_code, known.content) == (304, b"")
        assert known["ETag"] == first["ETag"]
        other = dispatcher.get(API + path, headers={"If-None-Match": '"x"'})
        assert other.json() == first.json()
    Booking.objects.update(version=9)
    path = f"{API}bookings/{booking.id}/"
    assert dispatcher.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 200
    with_client = dispatcher.get(f"{path}?expand=client", headers={"If-None-Match": "*"})
    assert with_client.status_code == 200


PLANNED = {"day": f"{make.DAY}", "time_limit_s": 0}
KINDS = [{}, {"preview": True}]


def day_to_plan():
    make.shift(make.driver())
    make.booking(status="accepted")


def plan(client, **options):
    return post(client, "dispatch-runs/", PLANNED | options, key="plan")


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.django_db(transaction=True)
def test_a_process_that_dies_after_the_plan_was_written_has_answered(monkeypatch, kind):
    dispatcher = caller()
    day_to_plan()

    def die(self, report, path, *, written=runs.RunViewSet.written):
        if not transaction.get_connection().in_atomic_block:
            raise SystemExit
        return written(self, report, path)

    with monkeypatch.context() as dying:
        dying.setattr(runs.RunViewSet, "written", die)
        with pytest.raises(SystemExit):
            plan(dispatcher, **kind)
    again = plan(dispatcher, **kind)
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    only = DispatchRun.objects.get()
    assert again.json()["run"] == only.id
    assert again["Location"].endswith(f"/dispatch-runs/{only.id}/")
    assert only.status == ("preview" if kind else "completed")


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.django_db(transaction=True)
def test_who_lost_the_key_while_planning_writes_nothing(monkeypatch, kind):
    dispatcher = caller()
    day_to_plan()

    def solve_slowly(problem, *, solve=planning.solve, **options):
        StoredAnswer.objects.update(begun_at=timezone.now() + CLAIM)
        return solve(problem, **options)

    monkeypatch.setattr(planning, "solve", solve_slowly)
    assert problem(plan(dispatcher, **kind)) == (409, "key_in_use")
    assert DispatchRun.objects.get().status == "failed"
    assert not Assignment.objects.exists()
    assert StoredAnswer.objects.get().status is None  # the other one's


# (what is done, made first by, how it is answered)
ENDS = {
    "apply": ("apply_preview", plan_preview, 200),
    "revert": ("revert_run", run_dispatch, 201),
}


def run_to_end(act):
    """Return the path that applies the preview of a small day, or reverts its run."""
    dispatcher = caller()
    day_to_plan()
    made = ENDS[act][1](
        Company.objects.get(),
        make.DAY,
        now=make.NOW,
        actor=Actor(Door.COMMAND, name="test"),
        options=FIRST_PLAN,
    )
    return dispatcher, f"dispatch-runs/{made.run}/{act}/"


@pytest.mark.parametrize("act", ENDS)
@pytest.mark.django_db(transaction=True)
def test_a_process_that_dies_after_an_apply_or_a_revert_has_answered(monkeypatch, act):
    dispatcher, path = run_to_end(act)
    name, _made, status = ENDS[act]
    use_case = getattr(runs, name)

    def die(*args, **options):
        use_case(*args, **options)
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(runs, name, die)
        with pytest.raises(SystemExit):
            post(dispatcher, path, {})
    again = post(dispatcher, path, {})
    assert (again.status_code, again["Idempotent-Replayed"]) == (status, "true")
    done = DispatchRun.objects.latest("id")
    assert (again.json()["run"], done.status) == (done.id, "completed")
    if act == "revert":
        assert again["Location"].endswith(f"/dispatch-runs/{done.id}/")
        assert DispatchRun.objects.count() == 2


@pytest.mark.parametrize("act", ENDS)
@pytest.mark.django_db(transaction=True)
def test_who_lost_the_key_applies_and_reverts_nothing(monkeypatch, act):
    dispatcher, path = run_to_end(act)
    standing = list(Assignment.objects.values_list("id", "status"))

    def claim_slowly(*args, plan_day=run.plan_day, **options):
        StoredAnswer.objects.update(begun_at=timezone.now() + CLAIM)
        return plan_day(*args, **options)

    monkeypatch.setattr(run, "plan_day", claim_slowly)
    assert problem(post(dispatcher, path, {})) == (409, "key_in_use")
    assert DispatchRun.objects.latest("id").status == "failed"
    assert list(Assignment.objects.values_list("id", "status")) == standing
    assert StoredAnswer.objects.get().status is None  # the other one's


@pytest.mark.parametrize("kind", [*KINDS, {"background": True}], ids=str)
@pytest.mark.django_db(transaction=True)
def test_of_many_dispatches_with_one_key_at_once_one_plans(monkeypatch, kind):
    monkeypatch.setattr(background, "send", lambda run: None)
    dispatcher = caller()
    day_to_plan()
    results = together(*[partial(plan, dispatcher, **kind)] * 4)
    assert DispatchRun.objects.count() == 1
    assert {r.status_code for r in results} <= {201, 202, 409}
    assert {problem(r)[1] for r in results if r.status_code == 409} <= {"key_in_use"}
    assert len({r["Location"] for r in results if r.status_code != 409}) == 1
    assert plan(dispatcher, **kind)["Idempotent-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_a_dispatch_that_found_no_worker_frees_its_key(monkeypatch):
    dispatcher = caller()

    def refuse(run_id):
        raise OSError("no memory")

    # What another test plans in the background may still hold the slots, or look for a run.
    monkeypatch.setattr(queue, "_is_free", lambda: True)
    monkeypatch.setattr(queue, "next_queued", lambda: 1)
    monkeypatch.setattr(queue, "_start_process", refuse)
    assert problem(plan(dispatcher, background=True)) == (503, "no_worker")
    monkeypatch.setattr(queue, "_start_process", lambda run_id: None)
    assert plan(dispatcher, background=True).status_code == 202
    assert [r.status for r in DispatchRun.objects.order_by("id")] == ["failed", "running"]
