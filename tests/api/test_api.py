"""The API's resources and use-cases, as a client sees them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking, Event
from dispatch.api import runs
from dispatch.models import Assignment, DispatchRun
from dispatch.runs.worker import take_over, work
from drivers.models import Driver, Role, Shift
from drivers.rest.views import CompanyViewSet
from tests.api.test_api_matrix import ENDPOINTS, row_of
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller

pytestmark = pytest.mark.django_db


def tomorrow(clock):
    """Return a moment of tomorrow: runs of the API plan by the real clock."""
    return make.at(clock, timezone.localdate() + timedelta(days=1))


def duty(name=None, day=None):
    driver = make.driver(name=name)
    make.shift(driver, day=day or timezone.localdate() + timedelta(days=1))
    return driver


def test_a_booking_is_created_once_by_its_reference():
    portal = caller(Role.CLIENT_API)
    first = portal.post(f"{API}bookings/", booking_values())
    assert first.status_code == 201, first.content
    again = portal.post(f"{API}bookings/", booking_values())
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert first["Location"].endswith(f"/bookings/{first.json()['id']}/")
    other = portal.post(f"{API}bookings/", booking_values(passengers=2))
    assert other.status_code == 409
    assert other["Content-Type"] == "application/problem+json"
    assert "a different passengers" in other.json()["detail"]
    event = Event.objects.get()
    assert (event.door, event.user) == ("api", portal.user)
    assert event.actor.startswith("test …")


def test_a_booking_is_changed_while_its_etag_holds():
    portal = caller(Role.CLIENT_API)
    booking = make.booking()
    path = f"{API}bookings/{booking.id}/"
    tag = portal.get(path)["ETag"]
    changed = portal.patch(path, {"passengers": 2}, HTTP_IF_MATCH=tag)
    assert (changed.status_code, changed.json()["passengers"]) == (200, 2)
    stale = portal.patch(path, {"passengers": 3}, HTTP_IF_MATCH=tag)
    assert (stale.status_code, stale.json()["type"]) == (412, "urn:dispatchsite:problem:stale")
    assert portal.patch(path, {"passengers": 4}, HTTP_IF_MATCH=changed["ETag"]).status_code == 200


def test_an_assignment_is_acted_on_while_its_etag_holds():
    dispatcher, booking = caller(), make.booking(scheduled_time=tomorrow("09:00"))
    anna, ben = duty("Anna"), duty("Ben")
    dispatcher.post(f"{API}bookings/{booking.id}/assign/", {"driver": anna.id})
    path = f"{API}assignments/{Assignment.objects.get().id}/"
    for name, body in {
        "confirm": {},
        "lock": {},
        "unlock": {},
        "reassign": {"driver": ben.id},
    }.items():
        stale = dispatcher.post(f"{path}{name}/", body, HTTP_IF_MATCH='"stale"')
        assert (stale.status_code, stale.json()["type"]) == (412, "urn:dispatchsite:problem:stale")
        tag = dispatcher.get(path)["ETag"]
        done = dispatcher.post(f"{path}{name}/", body, HTTP_IF_MATCH=f'"x", {tag}')
        assert done.status_code == 200, done.content
        again = dispatcher.post(f"{path}{name}/", body, HTTP_IF_MATCH=tag)
        assert again.status_code == 412


ACTIONS = [
    (path, method)
    for path, method, view, _action in ENDPOINTS
    if method == "post" and "{pk}" in path and issubclass(view, CompanyViewSet)
]


@pytest.mark.parametrize(("path", "method"), ACTIONS)
def test_every_post_on_a_row_is_refused_where_its_etag_is_stale(path, method):
    company = make.company()
    owner = caller(Role.OWNER, company)
    body = {"assign": {"driver": 1}, "progress": {"status": "en_route"}}
    body |= {"reassign": {"driver": 1}, "correct": {"reason": "wrong trip"}}
    stale = owner.post(
        path.replace("{pk}", str(row_of(path, company).pk)),
        body.get(path.rstrip("/").rpartition("/")[2], {}),
        HTTP_IF_MATCH='"stale"',
    )
    assert stale.status_code == 412, stale.content


def test_the_etag_of_a_booking_covers_its_assignment():
    dispatcher, booking = caller(), make.booking()
    path = f"{API}bookings/{booking.id}/"
    make.assignment(booking, make.driver())
    tag = dispatcher.get(path)["ETag"]
    lock = f"{API}assignments/{Assignment.objects.get().id}/lock/"
    assert dispatcher.post(lock, {}).status_code == 200
    assert dispatcher.get(path)["ETag"] != tag
    assert dispatcher.post(f"{path}cancel/", {}, HTTP_IF_MATCH=tag).status_code == 412


def test_a_client_of_another_company_is_refused_like_one_that_is_missing():
    portal, booking = caller(Role.CLIENT_API), make.booking()
    lausanne = make.company("lausanne")
    theirs = {"client": make.client(lausanne).id, "return_of": make.booking(lausanne).id}
    for name, other in theirs.items():
        for send, path, body in (
            (portal.patch, f"bookings/{booking.id}/", {}),
            (portal.post, "bookings/", booking_values()),
            (portal.post, "quotes/", booking_values()),
        ):
            missing, foreign = (send(API + path, body | {name: n}) for n in (10**9, other))
            assert missing.status_code == foreign.status_code == 400, missing.content
            assert missing.json() == foreign.json()
            (error,) = missing.json()["errors"]
            assert (error["field"], error["code"]) == (name, "does_not_exist")


def test_state_is_not_changed_by_patch():
    dispatcher, booking = caller(), make.booking()
    path = f"{API}bookings/{booking.id}/"
    refused = dispatcher.patch(path, {"status": "completed", "version": 9, "id": 1, "notes": "x"})
    assert refused.status_code == 400
    found = {row["field"]: row for row in refused.json()["errors"]}
    assert found.keys() == {"status", "version", "id"}
    assert {row["code"] for row in found.values()} == {"read_only"}
    assert "POST /bookings/{id}/accept/" in found["status"]["detail"]
    booking.refresh_from_db()
    assert (booking.status, booking.version, booking.notes) == ("accepted", 1, "")


@pytest.mark.slow
def test_a_booking_runs_through_its_states():
    dispatcher, anna = caller(), duty("Anna")
    booking = make.booking(scheduled_time=tomorrow("09:00"), status="pending")
    path = f"{API}bookings/{booking.id}/"

    def post(name, body=None):
        response = dispatcher.post(f"{path}{name}/", body or {})
        assert response.status_code == 200, response.content
        return response.json()

    assert post("accept")["status"] == "accepted"
    (place,) = dispatcher.get(f"{path}candidates/").json()["results"]
    assert (place["driver"], place["name"]) == (anna.id, "Anna")
    assigned = post("assign", {"driver": anna.id, "pickup_at": place["pickup_at"]})
    assert (assigned["status"], assigned["assignment"]) == (
        "assigned",
        Assignment.objects.get().id,
    )
    soon = timezone.now() + timedelta(hours=1)  # a trip of tomorrow does not begin today
    ends = soon + timedelta(minutes=20)
    Assignment.objects.update(planned_pickup_at=soon, planned_dropoff_at=ends)
    assert post("progress", {"status": "en_route"})["status"] == "en_route"
    assert post("progress", {"status": "assigned"})["status"] == "assigned"
    assert post("release")["assignment"] is None
    assert post("cancel", {"reason": "ill"})["cancel_reason"] == "ill"
    assert post("cancel")["status"] == "canceled"
    refused = dispatcher.post(f"{path}accept/", {})
    assert (refused.status_code, refused.json()["type"].rsplit(":")[-1]) == (409, "status")


def test_a_broken_rule_is_named_and_can_be_overridden_with_a_reason():
    dispatcher, ben = caller(), make.driver(name="Ben")
    booking = make.booking(scheduled_time=tomorrow("09:00"))
    path = f"{API}bookings/{booking.id}/assign/"
    refused = dispatcher.post(path, {"driver": ben.id})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {"field": "driver", "code": "no_duty", "detail": "Ben has no duty."}
    ]
    allowed = dispatcher.post(path, {"driver": ben.id, "override": "He offered."})
    assert allowed.status_code == 200, allowed.content
    assert Event.objects.get().reason == "He offered."


def test_an_assignment_is_moved_while_it_is_open():
    dispatcher, anna, ben = caller(), duty("Anna"), duty("Ben")
    booking = make.booking(scheduled_time=tomorrow("09:00"))
    dispatcher.post(f"{API}bookings/{booking.id}/assign/", {"driver": anna.id})
    path = f"{API}assignments/{Assignment.objects.get().id}/reassign/"
    moved = dispatcher.post(path, {"driver": ben.id})
    assert (moved.status_code, moved.json()["driver"]) == (200, ben.id)
    stale = dispatcher.post(path, {"driver": anna.id})
    assert (stale.status_code, stale.json()["type"].rsplit(":")[-1]) == (409, "stale")


def test_a_day_is_previewed_planned_and_taken_back():
    dispatcher = caller()
    duty()
    make.booking(scheduled_time=tomorrow("09:00"))
    body = {"day": tomorrow("09:00").date().isoformat(), "time_limit_s": 0}
    preview = dispatcher.post(f"{API}dispatch-runs/", body | {"preview": True})
    assert (preview.status_code, preview.json()["status"]) == (201, "preview")
    assert dispatcher.post(f"{preview['Location']}discard/").json()["status"] == "discarded"
    assert not Assignment.objects.exists()
    written = dispatcher.post(f"{API}dispatch-runs/", body)
    assert (written.status_code, written.json()["changes"]["placed"]) == (201, 1)
    run = dispatcher.get(written["Location"])
    assert (run.status_code, run.json()["status"]) == (200, "completed")
    back = dispatcher.post(f"{written['Location']}revert/")
    assert (back.status_code, back.json()["changes"]["released"]) == (201, 1)
    again = dispatcher.post(f"{written['Location']}revert/")
    assert (again.status_code, again.json()["type"].rsplit(":")[-1]) == (409, "already_reverted")
    assert not Assignment.objects.open().exists()
    make.run(status="running", claim_ends_at=timezone.now() + timedelta(hours=1), day=body["day"])
    busy = dispatcher.post(f"{API}dispatch-runs/", body)
    assert (busy.status_code, busy.json()["type"].rsplit(":")[-1]) == (409, "day_busy")


def test_a_search_that_may_outlast_a_request_goes_on_behind_it(monkeypatch):
    dispatcher, day = caller(), tomorrow("09:00").date().isoformat()
    duty()
    make.booking(scheduled_time=tomorrow("09:00"))
    answer = dispatcher.post(f"{API}dispatch-runs/", {"day": day, "time_limit_s": 21})
    assert (answer.status_code, answer.json()["progress"]) == (202, {"phase": "queued"})
    DispatchRun.objects.update(status="failed")
    # The default depends on the day: 0.3 s with one trip, 10 s with 100, 19 s with 1,000.
    monkeypatch.setattr(runs, "default_budget_s", {1: 20.5}.get)
    preview = dispatcher.post(f"{API}dispatch-runs/", {"day": day, "preview": True})
    assert (preview.status_code, preview.json()["status"]) == (202, "planning")
    monkeypatch.setattr(runs, "default_budget_s", {1: 0.2}.get)
    assert dispatcher.post(f"{API}dispatch-runs/", {"day": day}).status_code == 201


def test_a_run_is_told_what_it_may_do_to_what_stands():
    dispatcher, driver = caller(), duty()
    booking = make.booking(scheduled_time=tomorrow("09:00"), status="assigned")
    make.assignment(booking, driver, planned_pickup_at=tomorrow("09:05"), confirmed=True)
    body = {"day": tomorrow("09:00").date().isoformat(), "time_limit_s": 0}
    run = dispatcher.get(dispatcher.post(f"{API}dispatch-runs/", body)["Location"]).json()
    assert (run["settings"]["mode"], run["settings"]["move_confirmed"]) == ("serve", False)
    assert (run["metrics"]["changes"]["left"], run["broken"]) == (1, [])
    Shift.objects.all().delete()
    free = body | {"mode": "improve", "move_confirmed": True}
    report = dispatcher.post(f"{API}dispatch-runs/", free).json()
    (broken,) = report["broken"]
    assert (broken["booking"], broken["confirmed"], broken["pickup_at"]) == (booking.id, True, None)
    refused = dispatcher.post(f"{API}dispatch-runs/", body | {"mode": "shuffle"})
    assert refused.status_code == 400
    assert [error["field"] for error in refused.json()["errors"]] == ["mode"]


def test_a_preview_is_applied_once_and_while_it_holds():
    dispatcher, _driver = caller(), duty()
    make.booking(scheduled_time=tomorrow("09:00"))
    body = {"day": tomorrow("09:00").date().isoformat(), "time_limit_s": 0, "preview": True}
    first, second = (dispatcher.post(f"{API}dispatch-runs/", body)["Location"] for _ in range(2))
    shown = dispatcher.get(first).json()
    assert (shown["status"], shown["metrics"]["changes"]["placed"]) == ("preview", 1)
    assert shown["drivers"][0]["gained"] == 1
    applied = dispatcher.post(f"{first}apply/")
    assert (applied.status_code, applied.json()["status"]) == (200, "completed")
    for path, problem in ((first, "not_a_preview"), (second, "stale_plan")):
        refused = dispatcher.post(f"{path}apply/")
        assert (refused.status_code, refused.json()["type"].rsplit(":")[-1]) == (409, problem)
    assert dispatcher.get(second).json()["status"] == "failed"
    for _time in range(2):  # nothing is left to discard
        given_up = dispatcher.post(f"{second}discard/")
        assert (given_up.status_code, given_up.json()["status"]) == (200, "failed")
    assert dispatcher.post(f"{first}discard/").status_code == 409


def test_a_part_of_a_preview_is_applied():
    dispatcher, one = caller(), duty()
    other = duty()
    bookings = [
        make.booking(scheduled_time=tomorrow("09:00"), needs=[need]) for need in ("ramp", "lift")
    ]
    for driver, need in ((one, "ramp"), (other, "lift")):
        driver.skills = [need]
        driver.save()
    body = {"day": tomorrow("09:00").date().isoformat(), "time_limit_s": 0, "preview": True}
    preview = dispatcher.post(f"{API}dispatch-runs/", body)
    shown, path = preview.json(), preview["Location"]
    assert shown["placements"] == [booking.id for booking in bookings]
    assert shown["parts"] == [
        {"drivers": [driver.id], "trips": [booking.id]}
        for driver, booking in zip((one, other), bookings, strict=True)
    ]
    assert dispatcher.get(path).json()["parts"] == shown["parts"]
    both = dispatcher.post(f"{path}apply/", {"placements": True, "driver": one.id})
    assert (both.status_code, both.json()["errors"][0]["field"]) == (400, "driver")
    nobody = dispatcher.post(f"{path}apply/", {"driver": one.id + other.id})
    assert (nobody.status_code, nobody.json()["type"].rsplit(":")[-1]) == (409, "no_such_part")
    applied = dispatcher.post(f"{path}apply/", {"driver": one.id})
    assert (applied.status_code, applied.json()["assigned"]) == (200, 1)
    assert Assignment.objects.get().driver_id == one.id
    assert applied.json()["before"]["assigned"] == 0


@pytest.mark.parametrize(
    ("field", "header"), [({"background": True}, None), ({}, "respond-async, wait=1")]
)
def test_a_day_is_planned_in_the_background_and_polled(field, header):
    dispatcher, _driver = caller(), duty()
    make.booking(scheduled_time=tomorrow("09:00"))
    body = {"day": tomorrow("09:00").date().isoformat(), "time_limit_s": 0, **field}
    headers = {"Prefer": header} if header else {}
    accepted = dispatcher.post(f"{API}dispatch-runs/", body, headers=headers)
    assert (accepted.status_code, accepted.json()["status"]) == (202, "running")
    assert accepted.get("Preference-Applied") == ("respond-async" if header else None)
    assert accepted["Retry-After"] == "1"
    poll = accepted["Location"]
    waiting = dispatcher.get(poll)
    assert (waiting.json()["progress"], waiting["Retry-After"]) == ({"phase": "queued"}, "1")
    unchanged = dispatcher.get(poll, headers={"If-None-Match": waiting["ETag"]})
    assert (unchanged.status_code, unchanged["Retry-After"]) == (304, "1")
    work(take_over(accepted.json()["id"], now=timezone.now()))
    answer = dispatcher.get(poll)
    assert "Retry-After" not in answer
    done = answer.json()
    assert (done["status"], done["metrics"]["assigned"]) == ("completed", 1)


def test_a_run_whose_worker_is_gone_is_shown_as_failed():
    dispatcher = caller()
    run = make.run(status="running", claim_ends_at=timezone.now() - timedelta(seconds=1))
    shown = dispatcher.get(f"{API}dispatch-runs/{run.id}/").json()
    assert (shown["status"], shown["error"]) == (
        "failed",
        "The process of this run ended before the run did.",
    )


def test_a_quote_tells_who_could_drive_and_stores_nothing():
    portal, anna = caller(Role.CLIENT_API), duty("Anna")
    values = booking_values(scheduled_time=tomorrow("10:00").isoformat())
    found = portal.post(f"{API}quotes/", values)
    assert found.status_code == 200, found.content
    assert [row["driver"] for row in found.json()["results"]] == [anna.id]
    assert not Booking.objects.exists()


def test_a_quote_without_a_driver_says_why():
    dispatcher = caller()
    wanted = booking_values("", scheduled_time=tomorrow("09:00").isoformat())
    none = dispatcher.post(f"{API}quotes/", wanted).json()
    assert (none["results"], none["why"]["reason"]) == ([], "no_driver")
    booking = make.booking(scheduled_time=tomorrow("09:00"))
    path = f"{API}bookings/{booking.id}/candidates/"
    assert dispatcher.get(path).json()["why"]["detail"] == none["why"]["detail"]
    anna = duty()
    other = make.booking(scheduled_time=tomorrow("09:00"), reference="OTHER")
    dispatcher.post(f"{API}bookings/{other.id}/assign/", {"driver": anna.id})
    busy = dispatcher.post(f"{API}quotes/", wanted).json()["why"]
    assert "OTHER" in busy["blockers"][0]
    told = caller(Role.CLIENT_API).post(f"{API}quotes/", wanted).json()["why"]
    assert told == {  # names nobody
        "reason": busy["reason"],
        "detail": "No driver can take this trip as it is asked for.",
        "blockers": [],
        "suggestion": None,
    }
    duty()
    assert dispatcher.post(f"{API}quotes/", wanted).json()["why"] is None
    assert dispatcher.get(path).json()["why"] is None


def test_a_suggestion_is_followed_as_it_was_shown_or_answered_with_the_new_advice():
    dispatcher, booking = caller(), make.booking(scheduled_time=tomorrow("09:00"))
    anna, path = duty("Anna"), f"{API}bookings/{booking.id}/advice/"
    shown = dispatcher.get(path).json()
    (first, *_more) = shown["suggestions"]
    assert (first["kind"], first["consequences"]["driver"]) == ("assign", anna.id)
    wanted = {"change": first["change"], "key": first["key"]}
    viewer = caller(Role.VIEWER)
    assert viewer.get(path).json() == shown
    assert viewer.post(path, wanted).status_code == 403
    other = make.booking(scheduled_time=tomorrow("09:00"))
    dispatcher.post(f"{API}bookings/{other.id}/assign/", {"driver": anna.id})
    late = dispatcher.post(path, wanted)
    assert (late.status_code, late.json()["type"]) == (409, "urn:dispatchsite:problem:outdated")
    assert late.json()["advice"]["detail"].startswith("None of the suitable drivers")
    assert not Assignment.objects.filter(booking=booking).exists()
    dispatcher.post(f"{API}bookings/{other.id}/release/")
    # Whoever had the trip since changed nothing that this suggestion touches.
    done = dispatcher.post(path, wanted)
    assert (done.status_code, done.json()["status"]) == (200, "assigned")
    assert dispatcher.get(path).json()["suggestions"] == []


def test_bulk_tells_what_became_of_each_row():
    portal = caller(Role.CLIENT_API)
    rows = [
        booking_values("A"),
        booking_values("B", passengers=0),
        booking_values("C", client=10**9),
        booking_values("A", passengers=2),
        "nonsense",
    ]
    refused = portal.post(f"{API}bookings/bulk/", {"bookings": rows})
    assert refused.status_code == 400
    fields = [row["field"] for row in refused.json()["errors"]]
    assert fields == ["1.passengers", "2.client", "3.reference", "4"]
    assert not Booking.objects.exists()
    partly = portal.post(f"{API}bookings/bulk/", {"mode": "partial", "bookings": rows}).json()
    assert (partly["created"], partly["known"], partly["refused"]) == (1, 0, 4)
    again = portal.post(f"{API}bookings/bulk/", {"bookings": rows[:1]}).json()
    assert (again["known"], again["results"][0]["id"]) == (1, partly["results"][0]["id"])
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"client": 10**9}, "does_not_exist"),
        ({"return_of": 10**9}, "does_not_exist"),
        ({"passengers": "2"}, "invalid"),
        ({"passengers": 0}, "min_value"),
        ({"pickup_lat": None}, "null"),
        ({"scheduled_time": "2096-06-13T09:00:00"}, "offset"),
        ({"wheelchair": True}, "unknown"),
        ({"status": "accepted"}, "read_only"),
        ({"scheduled_time": "2020-01-01T09:00:00Z"}, "in_the_past"),
    ],
)
def test_a_fault_has_the_same_code_alone_and_in_bulk(fault, code):
    portal, row = caller(Role.CLIENT_API), booking_values(**fault)
    alone = portal.post(f"{API}bookings/", row)
    bulk = portal.post(f"{API}bookings/bulk/", {"bookings": [row]})
    assert alone.status_code == bulk.status_code == 400
    (error,) = alone.json()["errors"]
    assert error["code"] == code
    assert bulk.json()["errors"] == [error | {"field": f"0.{error['field']}"}]
    assert not Booking.objects.exists()


def test_a_booking_is_taken_as_late_as_a_day_after_it_was():
    """The days are those of the company."""
    portal = caller(Role.CLIENT_API)
    today = make.company("lausanne").local(timezone.now()).date()
    yesterday = make.at("00:00", today - timedelta(days=1))
    late = booking_values(scheduled_time=(yesterday - timedelta(seconds=1)).isoformat())
    refused = portal.post(f"{API}bookings/", late)
    assert [row["code"] for row in refused.json()["errors"]] == ["in_the_past"]
    rows = [late, booking_values("P-2", scheduled_time=yesterday.isoformat())]
    answer = portal.post(f"{API}bookings/bulk/", {"mode": "partial", "bookings": rows}).json()
    assert (answer["created"], answer["refused"]) == (1, 1)
    # Sent again later it is known.
    Booking.objects.update(scheduled_time=late["scheduled_time"])
    assert portal.post(f"{API}bookings/", late | {"reference": "P-2"}).status_code == 200


def test_one_way_back_too_many_refuses_its_row_alone():
    portal, there = caller(Role.CLIENT_API), make.booking()
    make.booking(return_of=there, clock="16:00")
    rows = [booking_values("A"), booking_values("B", return_of=there.id)]
    answer = portal.post(f"{API}bookings/bulk/", {"mode": "partial", "bookings": rows})
    assert answer.status_code == 200
    assert [answer.json()[name] for name in ("created", "refused")] == [1, 1]


def test_pages_neither_repeat_nor_hide_rows_however_many_share_a_time():
    portal = caller(Role.CLIENT_API)
    for _number in range(7):
        make.booking(clock="09:00")
    seen, url = [], f"{API}bookings/?limit=2&fields=id"
    while url:
        page = portal.get(url)
        assert page.status_code == 200, page.content
        seen += [row["id"] for row in page.json()["results"]]
        url = page.json()["next"]
        make.booking(clock="12:00")  # newest first: before the page, where it belongs
    assert len(seen) == len(set(seen)) == 7
    rows = portal.get(f"{API}bookings/?ordering=scheduled_time").json()["results"]
    times = [row["scheduled_time"] for row in rows]
    assert times == sorted(times)
    assert portal.get(f"{API}bookings/?ordering=id").status_code == 400  # no index is behind it


def test_filters_search_and_shape_a_list():
    portal = caller(Role.CLIENT_API)
    client = make.client(name="Zoe")
    early, late = make.booking(clock="08:00", client=client), make.booking(clock="14:00")
    make.assignment(late, make.driver(name="Anna"))

    def ids(query):
        response = portal.get(f"{API}bookings/?{query}")
        assert response.status_code == 200, response.content
        return [row["id"] for row in response.json()["results"]]

    assert ids("status=assigned") == [late.id]
    assert ids("from=2026-06-17T10:00:00%2B02:00") == [late.id]
    assert ids("until=2026-06-17T10:00:00%2B02:00") == [early.id]
    assert ids("search=zoe") == [early.id]
    assert ids(f"client={client.id}") == [early.id]
    rows = portal.get(f"{API}bookings/?expand=client,driver&ordering=scheduled_time").json()
    first, second = rows["results"]
    assert first["client"]["name"] == "Zoe"
    assert second["assignment"]["driver"]["name"] == "Anna"
    assert second["assignment"]["planned_pickup_at"] == "2026-06-17T12:00:00Z"
    wrong = portal.get(f"{API}bookings/?statsu=assigned")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "statsu")


def test_the_feed_tells_everything_after_an_id():
    portal = caller(Role.CLIENT_API)
    for number in range(3):
        portal.post(f"{API}bookings/", booking_values(f"F-{number}"))
    page = portal.get(f"{API}events/?limit=2").json()
    assert [row["new"]["reference"] for row in page["results"]] == ["F-0", "F-1"]
    rest = portal.get(f"{API}events/?after={page['last']}").json()
    assert [row["new"]["reference"] for row in rest["results"]] == ["F-2"]
    assert portal.get(f"{API}events/?after={rest['last']}").json()["results"] == []


def test_the_fleet_is_kept():
    dispatcher = caller()
    car = dispatcher.post(f"{API}vehicles/", {"plate": "GE 1", "wheelchair_places": 1}).json()
    anna = dispatcher.post(f"{API}drivers/", {"name": "Anna", "vehicle": car["id"]})
    assert anna.status_code == 201, anna.content
    shift = {
        "driver": anna.json()["id"],
        "start_at": "2026-06-17T06:00:00+02:00",
        "end_at": "2026-06-17T14:00:00+02:00",
    }
    first = dispatcher.post(f"{API}shifts/", shift)
    assert first.status_code == 201, first.content
    clash = dispatcher.post(f"{API}shifts/", shift)
    assert (clash.status_code, clash.json()["errors"][0]["detail"]) == (
        400,
        "This period overlaps another one of the same driver.",
    )
    path = f"{API}drivers/{anna.json()['id']}/"
    tag = dispatcher.get(path)["ETag"]
    assert dispatcher.patch(path, {"phone": "1"}, HTTP_IF_MATCH=tag).status_code == 200
    assert dispatcher.patch(path, {"phone": "2"}, HTTP_IF_MATCH=tag).status_code == 412
    assert Driver.objects.get().phone == "1"
    assert dispatcher.delete(f"{API}shifts/{first.json()['id']}/").status_code == 204


def a_driver():
    user = make.member(role=Role.DRIVER, is_staff=False)
    return caller(Role.DRIVER, user=user), make.driver(name="Anna", user=user)


def test_a_trip_of_a_driver_is_on_the_day_of_its_wanted_time():
    """As on the board and the list of stops, although the pickup is planned before midnight."""
    phone, anna = a_driver()
    booking = make.booking(clock="00:05")
    make.assignment(booking, anna, planned_pickup_at=make.at("00:00") - timedelta(minutes=2))
    before = make.DAY - timedelta(days=1)
    found = {
        day: phone.get(f"{API}me/day/?day={day}").json()["trips"] for day in (before, make.DAY)
    }
    assert [len(rows) for rows in found.values()] == [0, 1]


def test_a_driver_sees_the_day_and_reports_progress():
    phone, anna = a_driver()
    booking = make.booking(clock="09:00", client=make.client(name="Zoe"))
    make.assignment(booking, anna)
    make.assignment(make.booking(clock="11:00"), make.driver())
    day = phone.get(f"{API}me/day/?day={make.DAY}").json()
    assert [(row["booking"], row["client"]) for row in day["trips"]] == [(booking.id, "Zoe")]
    path = f"{API}me/trips/{booking.id}/"
    assert phone.post(f"{path}confirm/", {}).json()["confirmed"]
    moved = phone.post(f"{path}progress/", {"status": "en_route"})
    assert (moved.status_code, moved.json()["status"]) == (200, "en_route")
    at = timezone.now().replace(microsecond=0).isoformat()
    there = phone.post(f"{path}arrive/", {"at": at}).json()
    assert (there["status"], there["arrived_at"]) == ("en_route", at.replace("+00:00", "Z"))
    done = [phone.post(f"{path}progress/", {"status": s}) for s in ("in_progress", "completed")]
    assert [response.status_code for response in done] == [200, 200]
    other = Booking.objects.exclude(id=booking.id).get()
    for door, body in (("progress", {"status": "en_route"}), ("arrive", {})):
        assert phone.post(f"{API}me/trips/{other.id}/{door}/", body).status_code == 404


def test_a_day_that_a_driver_has_already_is_not_sent_again(django_assert_num_queries):
    phone, anna = a_driver()
    path = f"{API}me/day/?day={make.DAY}"
    make.assignment(make.booking(), anna)
    first = phone.get(path)
    with django_assert_num_queries(2):  # the token, the trips
        known = phone.get(path, headers={"If-None-Match": first["ETag"]})
    assert (known.status_code, known.content, known["ETag"]) == (304, b"", first["ETag"])
    Booking.objects.update(notes="ring twice")
    changed = phone.get(path, headers={"If-None-Match": first["ETag"]})
    assert (changed.status_code, changed.json()["trips"][0]["notes"]) == (200, "ring twice")
    assert changed["ETag"] != first["ETag"]


def test_positions_of_a_batch_cost_one_statement_and_the_newest_counts(
    django_assert_num_queries,
):
    phone, anna = a_driver()
    now = timezone.now()
    rows = [
        {"at": (now - timedelta(seconds=s)).isoformat(), "lat": 46.2 + s / 1000, "lon": 6.1}
        for s in range(50)
    ]
    with django_assert_num_queries(2) as sent:  # the token, the position
        assert phone.post(f"{API}me/positions/", {"positions": rows}).status_code == 204
    token = sent.captured_queries[0]["sql"]
    assert token.count(",") < 20  # columns: who asks, none of the company's policy
    assert "alighting_min" not in token
    old = {"at": (now - timedelta(hours=1)).isoformat(), "lat": 1.0, "lon": 1.0}
    assert phone.post(f"{API}me/positions/", {"positions": [old]}).status_code == 204
    anna.refresh_from_db()
    assert (anna.last_lat, anna.last_position_at) == (46.2, now)


def test_a_driver_says_whether_he_can_be_planned():
    phone, anna = a_driver()
    assert phone.get(f"{API}me/").json()["name"] == "Anna"
    assert not phone.post(f"{API}me/availability/", {"is_available": False}).json()["is_available"]
    anna.refresh_from_db()
    assert not anna.is_available
