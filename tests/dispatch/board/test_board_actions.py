"""What dispatchers do from the board: over HTTP, as the page does it."""

import json
import re
from datetime import date, timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format

from bookings.models import Booking, Event
from dispatch.models import Assignment, DispatchRun
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.previews import plan_preview
from dispatch.runs.run import run_dispatch
from dispatch.trips import decisions
from drivers.models import Absence, Company, Role
from tests.dispatch.trips.test_write_assignment import ACTOR
from tests.support import builders as make
from tests.support.pages import shown_fields


def later(clock, days=1):
    """Return a clock time of a day that is still to come."""
    day = timezone.now().astimezone(make.ZONE).date() + timedelta(days=days)
    return make.at(clock, day)


def booking(clock="09:00", **fields):
    return make.booking(scheduled_time=later(clock), **fields)


def driver(name):
    row = make.driver(name=name)
    day = later("00:00").date()
    make.shift(row, "06:00", "18:00", day=day)
    return row


def dispatcher(role=Role.DISPATCHER, company=None):
    client = Client(headers={"HX-Request": "true"})
    client.force_login(make.member(company, role))
    return client


def url(name, *args):
    return reverse(f"admin:board:{name}", args=["geneva", *args])


def seen(row):
    row = Booking.objects.get(id=row.id)
    standing = Assignment.objects.open().filter(booking=row).first()
    return {"version": row.version, "assignment": standing.id if standing else 0}


def change(client, row, action, **values):
    return client.post(url("change", row.id), seen(row) | {"action": action} | values)


def toast(response):
    return json.loads(response["HX-Trigger"])["board:toast"]["text"]


def assign_to(client, row, to, **values):
    return client.post(url("assign", row.id), seen(row) | {"driver": to.id} | values)


@pytest.mark.django_db
def test_the_panel_shows_the_trip_and_offers_what_its_status_allows():
    row, anna = booking(client=make.client(name="Mme Blanc")), driver("Anna")
    page = dispatcher().get(url("booking", row.id))
    assert b"Mme Blanc" in page.content
    assert b'value="lock"' not in page.content
    assign_to(dispatcher(), row, anna)
    page = dispatcher().get(url("booking", row.id)).content.decode()
    for action in ("en_route", "lock", "confirm", "release", "cancel"):
        assert f'value="{action}"' in page
    assert 'value="completed"' not in page
    assert "Assigned to Anna, 09:00" in page


@pytest.mark.django_db
def test_a_viewer_sees_no_buttons_and_is_refused():
    row, anna = booking(), driver("Anna")
    viewer = dispatcher(Role.VIEWER)
    assert b"<button" not in viewer.get(url("booking", row.id)).content
    assert b"<button" not in viewer.get(url("candidates", row.id)).content
    assert viewer.get(url("look", row.id), {"driver": anna.id}).status_code == 403
    assert change(viewer, row, "cancel", code="called_off").status_code == 403
    assert assign_to(viewer, row, anna).status_code == 403
    assert viewer.post(url("sick", anna.id)).status_code == 403
    assert viewer.post(url("plan", later("00:00").date())).status_code == 403
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_another_companys_rows_do_not_exist():
    lausanne = make.company("lausanne")
    row, anna = make.booking(lausanne), make.driver(lausanne)
    mine, me = booking(), dispatcher()
    run = make.run(lausanne)
    assert me.get(url("booking", row.id)).status_code == 404
    assert me.get(url("candidates", row.id)).status_code == 404
    assert change(me, row, "cancel", code="called_off").status_code == 404
    for answer in (assign_to(me, mine, anna), me.get(url("look", mine.id), {"driver": anna.id})):
        assert answer.status_code == 400
        assert "Driver not found." in answer.content.decode()
    assert me.post(url("sick", anna.id)).status_code == 404
    for name in ("run", "apply", "discard", "revert"):
        ask = me.get if name == "run" else me.post
        assert ask(url(name, run.id)).status_code == 404
    theirs = reverse("admin:board:booking", args=["lausanne", row.id])
    assert me.get(theirs).status_code == 404
    row.refresh_from_db()
    assert row.status == "accepted"


@pytest.mark.django_db
def test_preview_is_shown_and_then_saved_as_shown():
    row, anna, me = booking(), driver("Anna"), dispatcher()
    page = me.get(url("look", row.id), {"driver": anna.id})
    assert "Fits." in page.content.decode()
    assert not Assignment.objects.exists()
    done = assign_to(me, row, anna, pickup_at=later("09:00").isoformat())
    assert toast(done) == f"{row.reference} assigned to Anna at 09:00."
    assert Assignment.objects.get().driver == anna


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["09:40", "940", "9h40", "9.40"])
def test_another_time_can_be_tried(typed):
    row, anna = booking(), driver("Anna")
    page = dispatcher().get(url("look", row.id), {"driver": anna.id, "clock": typed})
    assert "25 min late" in page.content.decode()


@pytest.mark.django_db
def test_another_time_is_tried_without_reading_the_history(django_assert_max_num_queries):
    row, anna, me = booking(), driver("Anna"), dispatcher()
    me.get(url("look", row.id), {"driver": anna.id})
    with django_assert_max_num_queries(9) as first:
        me.get(url("look", row.id), {"driver": anna.id})
    with django_assert_max_num_queries(len(first) + 1):
        me.get(url("look", row.id), {"driver": anna.id, "clock": "09:05"})


@pytest.mark.django_db
def test_a_time_that_is_twice_is_tried_with_its_offset_and_shown_with_its_zone():
    night, anna, me = date(2027, 10, 31), make.driver(name="Anna"), dispatcher()
    row = make.booking(clock="01:50", day=night)
    make.shift(anna, "00:00", "12:00", day=night)
    refused = me.get(url("look", row.id), {"driver": anna.id, "clock": "02:10"})
    assert refused.status_code == 400
    assert "write 02:10+02:00 or 02:10+01:00" in refused.content.decode()
    tried = {"driver": anna.id, "clock": "02:10+01:00"}
    page = me.get(url("look", row.id), tried)
    assert "02:10 CET–" in page.content.decode()
    assert shown_fields(page)["clock"] == ["02:10+01:00"]


@pytest.mark.django_db
def test_a_rule_is_broken_only_with_a_reason_which_is_logged():
    row, anna, me = booking(needs=["oxygen"]), driver("Anna"), dispatcher()
    page = me.get(url("look", row.id), {"driver": anna.id}).content.decode()
    assert 'data-code="lacks_skill"' in page
    assert 'name="override" required' in page
    refused = assign_to(me, row, anna)
    assert refused.status_code == 409
    assert refused["HX-Retarget"] == "#dialog-body"
    assert not Assignment.objects.exists()
    assert assign_to(me, row, anna, override="She has a bottle with her.").status_code == 200
    event = Event.objects.get()
    assert (event.reason, event.new["overrides"]) == ("She has a bottle with her.", ["lacks_skill"])
    assert (event.door, event.user.username) == ("admin", event.actor)


@pytest.mark.django_db
def test_double_booking_stays_impossible_whatever_the_reason():
    first, row, anna, me = booking(), booking("09:05"), driver("Anna"), dispatcher()
    assign_to(me, first, anna)
    at = later("09:05").isoformat()
    page = me.get(url("look", row.id), {"driver": anna.id, "clock": "09:05"}).content.decode()
    assert "Impossible:" in page
    assert 'name="override"' not in page
    refused = assign_to(me, row, anna, pickup_at=at, override="They can wait.")
    assert refused.status_code == 409
    assert "The driver has another trip at this time." in refused.content.decode()
    assert Assignment.objects.count() == 1


@pytest.mark.django_db
def test_of_two_dispatchers_the_second_sees_what_the_first_did():
    row, anna, ben = booking(), driver("Anna"), driver("Ben")
    nadia, omar = dispatcher(), dispatcher()
    before = seen(row)
    assign_to(nadia, row, anna)
    answer = omar.post(url("assign", row.id), before | {"driver": ben.id})
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "Nothing was changed." in text
    assert "Assigned to Anna, 09:00" in text
    assert Event.objects.get().user.username in text
    assert Assignment.objects.open().get().driver == anna


@pytest.mark.django_db
def test_every_status_by_one_click_with_real_times():
    row, anna, me = make.booking(scheduled_time=timezone.now()), driver("Anna"), dispatcher()
    make.assignment(row, anna)
    local = timezone.now().astimezone(make.ZONE)
    assert toast(change(me, row, "confirm")) == "Confirmed."
    for action, status in [
        ("en_route", "en_route"),
        ("arrive", "en_route"),
        ("on_board", "in_progress"),
        ("completed", "completed"),
    ]:
        assert change(me, row, action, clock=f"{local:%H:%M}").status_code == 200
        row.refresh_from_db()
        assert row.status == status
    done = Assignment.objects.get()
    assert done.confirmed
    expected = local.replace(second=0, microsecond=0)
    assert done.arrived_at == done.actual_pickup_at == done.actual_dropoff_at == expected
    assert change(me, row, "en_route").status_code == 409


@pytest.mark.django_db
def test_a_trip_of_tomorrow_is_not_set_en_route_and_the_panel_says_from_when():
    row, anna, me = booking("09:00"), driver("Anna"), dispatcher()
    make.assignment(row, anna)
    answer = change(me, row, "en_route")
    day = later("00:00").date()
    assert answer.status_code == 409
    assert f"“driver en route” is possible from {day} 05:00." in answer.content.decode()
    row.refresh_from_db()
    assert row.status == "assigned"


@pytest.mark.django_db
def test_a_will_call_is_ready_before_its_outbound_trip_arrived_only_after_a_question():
    there, me = booking("09:00"), dispatcher()
    row = booking("11:00", will_call=True, status="pending", return_of=there)
    asked = change(me, row, "ready")
    assert (asked.status_code, asked["HX-Retarget"]) == (409, "#dialog-body")
    assert f"Outbound trip {there} is accepted: it arrives at 09:00" in asked.content.decode()
    assert Booking.objects.get(id=row.id).will_call
    assert change(me, row, "ready", anyway="on").status_code == 200
    assert not Booking.objects.get(id=row.id).will_call


@pytest.mark.django_db
def test_a_cancellation_or_no_show_needs_a_reason():
    row, anna, me = booking(), driver("Anna"), dispatcher()
    make.assignment(row, anna, status=Assignment.Status.EN_ROUTE)
    assert change(me, row, "no_show").status_code == 400
    assert change(me, row, "no_show", code="nonsense").status_code == 400
    assert change(me, row, "cancel", code="unwell", note="fever").status_code == 200
    row.refresh_from_db()
    assert (row.status, row.cancel_reason) == ("canceled", "unwell: fever")
    page = me.get(url("booking", row.id)).content.decode()
    assert "client not fit to travel: fever" in page


@pytest.mark.django_db
def test_a_trip_changed_in_between_is_not_overwritten():
    row, anna, me = booking(), driver("Anna"), dispatcher()
    make.assignment(row, anna)
    before = seen(row)
    decisions.release(row.company, row.id, actor=ACTOR, now=timezone.now(), reason="by phone")
    for action in ("lock", "en_route", "confirm"):
        answer = me.post(url("change", row.id), before | {"action": action})
        assert answer.status_code == 409
        assert "Unassigned from Anna" in answer.content.decode()
    assert Event.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [{}, {"action": "explode"}, {"action": "lock", "version": "x"}, {"action": "lock"}],
)
def test_nonsense_is_refused_by_name(values):
    row = booking()
    answer = dispatcher().post(url("change", row.id), values)
    assert answer.status_code == 400
    assert "board:toast" in answer["HX-Trigger"]


@pytest.mark.django_db
def test_days_of_the_history_and_of_plans_are_written_as_the_reader_does():
    row, anna, me = booking(), driver("Anna"), dispatcher()
    assign_to(me, row, anna)
    how = {"now": make.at("14:05"), "actor": ACTOR, "options": FIRST_PLAN}
    run = run_dispatch(row.company, later("00:00").date(), **how)
    for language, day in (("en", "17 June 14:05"), ("fr", "17 juin 14:05")):
        me.cookies.load({"django_language": language})
        with translation.override(language):
            page = me.get(url("run", run.run)).content.decode()
            assert day in page
            local = timezone.now().astimezone(make.ZONE)
            history = me.get(url("booking", row.id)).content.decode()
            assert f"<time>{date_format(local, 'MONTH_DAY_FORMAT')} " in history


@pytest.mark.django_db
def test_a_refused_field_is_called_what_the_page_calls_it():
    row, anna, me = booking(), driver("Anna"), dispatcher()
    for asked, said in (
        (me.get(url("look", row.id), {"driver": "", "clock": "9"}), ("Driver: ", " Pickup at: ")),
        (me.post(url("edit", row.id), form_of(row, appointment="x")), ("Appointment at: ",)),
        (me.post(url("new_time", row.id), seen(row) | {"clock": "x", "driver": anna.id}),
         ("Around: ", "The page is out of date: load it again.")),
        (me.post(url("change", row.id), seen(row) | {"action": "explode"}),
         ("The page is out of date: load it again.",)),
    ):  # fmt: skip
        assert asked.status_code == 400
        for text in said:
            assert text in toast(asked)
        assert not re.search(r"\b(driver|clock|pickup_at|version|action)\b", toast(asked))


@pytest.mark.django_db
def test_two_trips_are_swapped_after_a_look():
    first, second, anna, ben = booking(), booking(), driver("Anna"), driver("Ben")
    me = dispatcher()
    assign_to(me, first, anna)
    assign_to(me, second, ben)
    page = me.get(url("swap", first.id), {"other": second.id})
    assert page.content.decode().count("Fits.") == 2
    values = {
        "other": second.id,
        "assignment": seen(first)["assignment"],
        "other_assignment": seen(second)["assignment"],
    }
    assert me.post(url("swap", first.id), values).status_code == 200
    assert me.post(url("swap", first.id), values).status_code == 409
    holders = dict(Assignment.objects.open().values_list("booking_id", "driver_id"))
    assert holders == {first.id: ben.id, second.id: anna.id}


@pytest.mark.django_db
def test_a_sick_driver_is_one_action_and_the_plan_is_offered():
    anna, me = make.driver(name="Anna"), dispatcher()
    now = timezone.now()
    make.assignment(make.booking(scheduled_time=now + timedelta(seconds=1)), anna, minutes=0)
    assert b"Anna" in me.get(url("sick", anna.id)).content
    assert not Absence.objects.exists()
    page = me.post(url("sick", anna.id), {"note": "flu"}).content.decode()
    assert "1 trip was released." in page
    assert "Plan again" in page
    assert Absence.objects.get().reason == "sick"
    assert Event.objects.get().reason == "flu"


@pytest.mark.django_db
def test_sick_is_offered_in_the_panels_of_today_and_names_the_day(monkeypatch):
    now = later("23:30")
    monkeypatch.setattr(timezone, "now", lambda: now)
    anna, me = make.driver(name="Anna"), dispatcher()
    make.shift(anna, "20:00", "28:00", day=now.date())
    for days, offered in ((-1, False), (0, True), (1, False)):
        row = make.booking(scheduled_time=now + timedelta(days=days))
        make.assignment(row, anna)
        assert (url("sick", anna.id) in me.get(url("booking", row.id)).content.decode()) == offered
    page = me.post(url("sick", anna.id)).content.decode()
    until = Absence.objects.get().end_at
    assert f"Absent until {row.company.clock(until, now.date())}." in page
    assert f"Absent until {row.company.clock(until)}." not in page


@pytest.mark.django_db
def test_candidates_have_a_price_or_a_reason_why_there_are_none():
    row, me = booking(), dispatcher()
    page = me.get(url("candidates", row.id)).content.decode()
    assert "suggestion" in page or "notice" in page
    driver("Anna")
    page = me.get(url("candidates", row.id)).content.decode()
    assert "Anna" in page
    # From the depot in Plan-les-Ouates by Meyrin and town: so much more than no trip at all.
    assert re.search(r"\+\d+ min, \d+\.\d km more", page)
    assert "first trip of the day: +5 min by policy" in page


@pytest.mark.django_db
def test_of_a_pending_trip_nothing_is_offered_that_is_refused(monkeypatch):
    row, me = booking(status="pending"), dispatcher()
    driver("Anna")
    page = me.get(url("candidates", row.id), {"pick": 1}).content.decode()
    assert "Anna" in page
    assert url("look", row.id) not in page
    panel = me.get(url("booking", row.id)).content.decode()
    assert url("new_time", row.id) not in panel
    assert 'data-act="assign"' not in panel
    # Missed by now: somebody calls, who logs in again.
    now = later("10:00")
    monkeypatch.setattr(timezone, "now", lambda: now)
    board = dispatcher().get(url("fragment", now.date()))
    (line,) = board.context["attention"]
    assert (line["kind"], line["action"]) == ("missed", "call")


@pytest.mark.django_db
def test_a_suggestion_is_a_button_that_does_what_it_says(django_assert_num_queries):
    row, anna, me = booking(client=make.client(name="Mme Blanc")), driver("Anna"), dispatcher()
    day = later("00:00").date()
    queue = me.get(url("advice", day)).content.decode()
    assert f'<div id="advice-{row.id}" class="advice" hx-swap-oob="true">' in queue
    assert "Anna picks up at 09:00." in queue
    assert b"<button" not in dispatcher(Role.VIEWER).get(url("advice", day)).content
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', queue))
    assert dispatcher(Role.VIEWER).get(url("suggestion", row.id), fields).status_code == 403
    with django_assert_num_queries(7):  # 3 of the session, the booking's day, and the day
        dialog = me.get(url("suggestion", row.id), fields)
    assert dialog["HX-Retarget"] == "#dialog-body"
    page = dialog.content.decode()
    assert "Anna drives 09:00 Mme Blanc" in page
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    refused = me.post(url("suggestion", row.id), form | {"key": "another"})
    assert (refused.status_code, refused["HX-Retarget"]) == (409, "#panel-body")
    assert b"can no longer be done as it was shown" in refused.content
    done = me.post(url("suggestion", row.id), form)
    assert (done.status_code, toast(done)) == (200, "Done, as suggested.")
    assert Assignment.objects.open().get().driver == anna


@pytest.mark.django_db
def test_the_board_asks_for_the_advice_of_its_queue_once():
    booking()
    page = dispatcher().get(reverse("admin:board:day", args=["geneva", later("00:00").date()]))
    assert page.content.decode().count(url("advice", later("00:00").date())) == 1


def preview_of(day):
    company = Company.objects.get(slug="geneva")
    report = plan_preview(company, day, now=timezone.now(), actor=ACTOR, options=FIRST_PLAN)
    return DispatchRun.objects.get(id=report.run)


@pytest.mark.django_db(transaction=True)
def test_a_preview_is_shown_by_driver_applied_and_reverted():
    row, anna, me = booking(), driver("Anna"), dispatcher()
    preview_of(later("00:00").date())
    run = preview_of(later("00:00").date())
    page = me.get(url("run", run.id)).content.decode()
    assert "Anna" in page
    assert 'class="placed"' in page
    assert not Assignment.objects.exists()
    done = me.post(url("apply", run.id))
    assert toast(done).startswith("Done: 1 placed, 0 moved")
    assert Assignment.objects.open().get().driver == anna
    toolbar = me.get(url("runs", later("00:00").date())).content.decode()
    run.refresh_from_db()
    assert f"Undo the plan of {run.started_clock}" in toolbar
    assert "Preview" not in toolbar  # one from before would be stale
    assert me.post(url("apply", run.id)).status_code == 409
    assert me.post(url("revert", run.id)).status_code == 200
    assert not Assignment.objects.open().exists()
    row.refresh_from_db()
    assert row.status == "accepted"
    toolbar = me.get(url("runs", later("00:00").date())).content.decode()
    assert "Undo" not in toolbar


@pytest.mark.django_db(transaction=True)
def test_a_preview_is_a_decision_and_a_part_of_it_is_applied():
    """Anna is sick: Lea, whose trip was confirmed, has to be called; Max's trip is only placed."""
    lea = booking(client=make.client(name="Lea Khan", phone="+41 22 555 01 02"))
    anna, ben, me = driver("Anna"), driver("Ben"), dispatcher()
    make.assignment(lea, anna, confirmed=True)
    Absence.objects.create(driver=anna, start_at=later("00:00"), end_at=later("23:00"))
    cleo = driver("Cleo")
    cleo.skills = ["ramp"]
    cleo.save()
    # At the same time: Cleo cannot drive Lea as well, which would save a driver.
    booking("09:00", client=make.client(name="Max Blanc"), needs=["ramp"])
    booking("16:00", client=make.client(name="Zoé Out"), wheelchairs=9, passengers=9)
    run = preview_of(later("00:00").date())
    page = me.get(url("run", run.id)).content.decode()
    calls = page.split('class="calls"')[1].split("</details>")[0]
    assert "Lea Khan" in calls
    assert 'href="tel:+41 22 555 01 02"' in calls
    assert "was confirmed" in calls
    assert "Max" not in calls
    without = page.split('class="out"')[1].split("</details>")[0]
    assert "Zoé Out" in without
    assert run.unassigned[0]["detail"] in unescape(without)
    gains = page.split('class="gains"')[1].split("</table>")[0]
    assert re.search(r'better"><th scope="row">trips with a driver</th><td>0</td>.*>2<', gains)
    assert re.search(r"cannot keep</th><td>1</td><td><strong>0<", gains)
    assert "Only place 1 trip" in page
    assert "Apply only for Anna and Ben" in page
    me.post(url("apply", run.id), {"driver": ben.id})
    assert Assignment.objects.open().get().booking_id == lea.id
    assert Assignment.objects.open().get().driver == ben


@pytest.mark.django_db(transaction=True)
def test_a_preview_without_changes_has_nothing_to_apply():
    driver("Anna")
    booking()
    preview_of(later("00:00").date())
    me = dispatcher()
    me.post(url("apply", DispatchRun.objects.get().id))
    run = preview_of(later("00:00").date())
    page = me.get(url("run", run.id)).content.decode()
    assert "Nothing would change." in page
    assert url("apply", run.id) not in page
    assert url("discard", run.id) in page


@pytest.mark.django_db(transaction=True)
def test_a_preview_over_a_changed_day_is_refused_and_a_locked_trip_stays():
    row, anna, me = booking(), driver("Anna"), dispatcher()
    ben = driver("Ben")
    day = later("00:00").date()
    run = preview_of(day)
    assign_to(me, row, ben)
    refused = me.post(url("apply", run.id))
    assert refused.status_code == 409
    assert "plan again" in refused.content.decode()
    change(me, row, "lock")
    run = preview_of(day)
    me.post(url("apply", run.id))
    assert Assignment.objects.open().get().driver == ben
    assert anna.name not in me.get(url("run", run.id)).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_discarded_preview_cannot_be_applied():
    booking(), driver("Anna")
    me, run = dispatcher(), preview_of(later("00:00").date())
    assert "discarded" in me.post(url("discard", run.id)).content.decode()
    assert me.post(url("apply", run.id)).status_code == 409
    assert not Assignment.objects.exists()


@pytest.mark.django_db
def test_planning_starts_in_the_background_and_is_polled():
    booking()
    driver("Anna")
    day, me = later("00:00").date(), dispatcher()
    answer = me.post(url("plan", day))
    run = DispatchRun.objects.get()
    assert 'hx-trigger="load delay:700ms"' in answer.content.decode()
    assert (run.status, run.trigger) == ("planning", "admin")
    assert "Planning…" in me.get(url("runs", day)).content.decode()


@pytest.mark.django_db
def test_planning_is_told_what_may_become_of_what_stands():
    booking()
    driver("Anna")
    day, me = later("00:00").date(), dispatcher()
    toolbar = me.get(url("day", day)).content.decode()
    assert toolbar.count('name="mode"') == 3
    assert 'value="serve" checked' in toolbar
    me.post(url("plan", day), {"mode": "place", "move_confirmed": "on"})
    settings = DispatchRun.objects.get().settings
    assert (settings["mode"], settings["move_confirmed"]) == ("place", True)
    assert me.post(url("plan", day), {"mode": "shuffle"}).status_code == 400


@pytest.mark.django_db
def test_a_day_that_lacks_something_is_not_planned():
    booking()
    day, me = later("00:00").date(), dispatcher()
    said = me.post(url("plan", day)).content.decode()
    for text in ("There is nothing to plan yet", "Shifts on this day", "Fill weeks"):
        assert text in said
    assert "New booking" not in said
    assert not DispatchRun.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("others", [0, 6])
def test_statements_do_not_grow(django_assert_max_num_queries, others):
    row, anna, me = booking("07:00"), driver("Anna"), dispatcher()
    for hour in range(9, 9 + others):
        assign_to(me, booking(f"{hour:02}:00"), anna)
    assign_to(me, row, anna)
    # session, user, the middleware's memberships, the current; then the page's own
    for address, most in [
        (url("booking", row.id), 12),
        (url("candidates", row.id), 9),
        (url("look", row.id) + f"?driver={anna.id}", 9),
        (url("runs", later("00:00").date()), 8),
    ]:
        with django_assert_max_num_queries(most):
            assert me.get(address).status_code == 200
    now = timezone.now()  # by when the driver may set off
    trip = Assignment.objects.filter(booking=row)
    trip.update(planned_pickup_at=now, planned_dropoff_at=now + timedelta(minutes=20))
    # and of what writes: the use-case, the test's savepoints, and the panel again
    for values, most in [
        ({"action": "lock"}, 22),
        ({"action": "unlock"}, 22),
        ({"action": "en_route"}, 23),
        ({"action": "back"}, 23),
        ({"action": "cancel", "code": "unwell"}, 21),
    ]:
        data = seen(row) | values
        with django_assert_max_num_queries(most):
            assert me.post(url("change", row.id), data).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("others", [0, 6])
def test_statements_of_giving_do_not_grow(django_assert_max_num_queries, others):
    row, anna, me = booking("07:00"), driver("Anna"), dispatcher()
    for hour in range(9, 9 + others):
        assign_to(me, booking(f"{hour:02}:00"), anna)
    data = seen(row) | {"driver": anna.id}
    with django_assert_max_num_queries(25):
        assert me.post(url("assign", row.id), data).status_code == 200
    with django_assert_max_num_queries(20):
        assert me.post(url("sick", anna.id)).status_code == 200


def form_of(row, **values):
    row = Booking.objects.get(id=row.id)
    clock = row.company.clock(row.scheduled_time)
    return {"version": row.version, "clock": clock, "notes": row.notes} | values


@pytest.mark.django_db
def test_the_panel_leads_to_the_booking_and_the_client_and_back_to_the_board():
    zoe = make.client(name="Zoé")
    row, me = booking(client=zoe), dispatcher()
    page = me.get(url("booking", row.id)).content.decode()
    change = reverse("admin:bookings_booking_change", args=[row.id])
    assert f'href="{change}"' in page
    assert f'href="{reverse("admin:bookings_client_change", args=[zoe.id])}"' in page
    back = f"{url('day', later('00:00').date())}?trip={row.id}"
    assert f'href="{back}"' in me.get(change).content.decode()


@pytest.mark.django_db
def test_time_place_and_notes_are_changed_in_a_dialog():
    known = booking(pickup_address="Clinique, 1227 Carouge", pickup_lat=46.18, pickup_lon=6.14)
    row, me = booking("09:00", appointment_at=later("10:00")), dispatcher()
    assert "09:00" in me.get(url("edit", row.id)).content.decode()
    values = {"clock": "09:30", "dropoff_address": "clinique, 1227 CAROUGE", "notes": "Ring twice"}
    done = me.post(url("edit", row.id), form_of(row, appointment="10:15", **values))
    assert (done.status_code, toast(done)) == (200, "Saved.")
    row.refresh_from_db()
    assert (row.scheduled_time, row.appointment_at) == (later("09:30"), later("10:15"))
    assert (row.dropoff_lat, row.dropoff_lon) == (known.pickup_lat, known.pickup_lon)
    assert row.notes == "Ring twice"
    assert Event.objects.get().new.keys() >= {"scheduled_time", "notes", "dropoff_lat"}


@pytest.mark.django_db
def test_a_place_that_was_chosen_from_the_search_has_its_position():
    row, me = booking("09:00"), dispatcher()
    page = me.get(url("edit", row.id)).content.decode()
    assert 'name="pickup_lat" value=""' in page
    chosen = {"pickup_address": "Rue X 1, Genève", "pickup_lat": "46.2", "pickup_lon": "6.1"}
    assert me.post(url("edit", row.id), form_of(row, **chosen)).status_code == 200
    row.refresh_from_db()
    assert (row.pickup_address, row.pickup_lat, row.pickup_lon) == ("Rue X 1, Genève", 46.2, 6.1)
    assert (
        me.post(url("edit", row.id), form_of(row, **chosen | {"pickup_lat": "46.25"})).status_code
        == 200
    )
    row.refresh_from_db()
    assert row.pickup_lat == 46.25  # the same words, and the right place
    half = chosen | {"pickup_address": "Nowhere 2", "pickup_lon": ""}
    assert me.post(url("edit", row.id), form_of(row, **half)).status_code == 400


@pytest.mark.django_db
def test_an_unknown_address_and_a_wrong_order_are_refused_in_the_dialog():
    row, me = booking("09:00"), dispatcher()
    for values, why in (
        ({"pickup_address": "Nowhere 1"}, "“Nowhere 1”: This address is not known"),
        ({"appointment": "08:00"}, "The appointment must be after the pickup."),
    ):
        refused = me.post(url("edit", row.id), form_of(row, **values))
        assert (refused.status_code, refused["HX-Retarget"]) == (400, "#dialog-body")
        page = refused.content.decode()
        assert why in page
        assert f'value="{next(iter(values.values()))}"' in page  # the input stays
    assert not Event.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("begun", [False, True])
def test_a_refused_edit_stays_in_its_dialog_with_what_was_typed(begun):
    row, me = booking("09:00"), dispatcher()
    if begun:
        make.assignment(row, driver("Anna"), status="en_route")
    values = form_of(row, clock="09:20", notes="Ring twice", version=1 if begun else 9)
    refused = me.post(url("edit", row.id), values)
    assert (refused.status_code, refused["HX-Retarget"]) == (409, "#dialog-body")
    page = refused.content.decode()
    assert ("its details can no longer be changed" if begun else "changed by someone else") in page
    assert ("Read again" in page) == (not begun)
    fields = shown_fields(refused)
    assert (fields["clock"], fields["notes"]) == (["09:20"], ["Ring twice"])
    assert "Edit 09:00" in page  # as it is, not as it was typed
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_an_appointment_after_midnight_is_edited():
    row, me = booking("23:30", appointment_at=later("24:15")), dispatcher()
    assert shown_fields(me.get(url("edit", row.id)))["appointment"] == ["00:15"]
    for typed, meant in (("00:40", "24:40"), ("23:50", "23:50"), ("00:10", "24:10")):
        done = me.post(url("edit", row.id), form_of(row, clock="23:30", appointment=typed))
        assert done.status_code == 200, done.content.decode()
        row.refresh_from_db()
        assert row.appointment_at == later(meant)
    # Hours before the pickup it is no appointment of the night.
    refused = me.post(url("edit", row.id), form_of(row, clock="23:30", appointment="22:00"))
    assert refused.status_code == 400


@pytest.mark.django_db
def test_a_change_that_breaks_the_trip_asks_first():
    row, anna, me = booking("09:00"), driver("Anna"), dispatcher()
    standing = make.assignment(row, anna, minutes=22)
    values = form_of(row, clock="15:00")
    asked = me.post(url("edit", row.id), values)
    assert (asked.status_code, asked["HX-Retarget"]) == (409, "#dialog-body")
    page = asked.content.decode()
    assert "Save, and keep it with Anna at the new time" in page
    assert not Event.objects.exists()
    assert me.post(url("edit", row.id), {**values, "move": standing.id}).status_code == 200
    moved = Assignment.objects.open().get()
    assert (moved.driver, moved.planned_pickup_at) == (anna, later("15:00"))
    values = form_of(row, clock="20:00", release=moved.id)
    assert me.post(url("edit", row.id), values).status_code == 200
    assert not Assignment.objects.open().exists()


@pytest.mark.django_db
def test_a_new_time_is_chosen_from_those_that_can_be_driven():
    zoe = make.client(name="Zoé")
    row, anna, me = booking("05:00", client=zoe), driver("Anna"), dispatcher()
    make.assignment(booking("06:00"), anna, minutes=22)
    page = me.get(url("new_time", row.id), {"clock": "09:00"})
    assert page.status_code == 200
    assert "A new time for 05:00 Zoé" in page.content.decode()
    assert [time.driver for time in page.context["times"]] == ["Anna"] * 3
    values = {"version": row.version, "driver": anna.id, "pickup_at": later("09:00").isoformat()}
    # Meanwhile the day changes: nothing is saved, other times are offered.
    other = make.assignment(booking("09:00"), anna, minutes=22)
    clocks = shown_fields(page)["clock"]
    assert clocks == ["09:00"] * 4  # of the question, and of every time that it offers
    values["clock"] = clocks[0]
    changed = me.post(url("new_time", row.id), values)
    assert changed.context["around"] == later("09:00")
    assert (changed.status_code, changed["HX-Retarget"]) == (409, "#dialog-body")
    assert "nothing was saved" in changed.content.decode()
    assert later("09:00") not in [time.pickup_at for time in changed.context["times"]]
    Assignment.objects.filter(id=other.id).update(status="superseded")
    done = me.post(url("new_time", row.id), values)
    assert toast(done) == "Zoé: new time 09:00."
    row.refresh_from_db()
    assert (row.scheduled_time, row.status) == (later("09:00"), "assigned")


@pytest.mark.django_db
def test_a_viewer_changes_no_particulars():
    row = booking()
    viewer = dispatcher(Role.VIEWER)
    page = viewer.get(url("booking", row.id)).content.decode()
    for name in ("edit", "new_time"):
        assert url(name, row.id) not in page
        assert viewer.get(url(name, row.id)).status_code == 403
        assert viewer.post(url(name, row.id), form_of(row)).status_code == 403


@pytest.mark.django_db
def test_a_locked_trip_gets_a_new_time_only_after_the_question():
    row, anna, me = booking("09:00"), driver("Anna"), dispatcher()
    make.assignment(row, anna, minutes=22, locked=True)
    page = me.get(url("new_time", row.id)).content.decode()
    assert "This trip is locked" in page
    values = {"version": row.version, "driver": anna.id, "pickup_at": later("09:10").isoformat()}
    asked = me.post(url("new_time", row.id), values)
    assert (asked.status_code, asked["HX-Retarget"]) == (409, "#dialog-body")
    done = me.post(url("new_time", row.id), {**values, "lock": "keep"})
    assert done.status_code == 200
    assert Assignment.objects.open().get().locked


OUT_OF_BOUNDS = [
    "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2100-01-01T00:00:00Z",
    "1999-12-31T23:59:59Z", "2026-06-17T09:00:00", "tomorrow",
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("at", [*OUT_OF_BOUNDS, "2000-01-01T00:00:00Z", "2099-12-31T23:59:59Z"])
def test_every_moment_of_a_request_has_bounds(at):
    row, other, anna, me = booking(), booking(), driver("Anna"), dispatcher()
    moments = dict.fromkeys(
        ("pickup_at", "other_pickup_at", "wanted_at", "shift_start_at", "shift_end_at"), at
    )
    change = {
        "kind": "end_later", "driver_id": anna.id, "other_id": other.id,
        "other_driver_id": anna.id, "shift_id": anna.shifts.get().id, "key": "x",
    }  # fmt: skip
    asked = {"driver": anna.id, "pickup_at": at, "clock": "09:00", "appointment": "stays"}
    later_by = {**change, "pickup_at": later("09:00").isoformat()}
    answers = [
        me.get(url("look", row.id), {"driver": anna.id, "pickup_at": at}),
        me.post(url("assign", row.id), seen(row) | asked),
        me.post(url("new_time", row.id), seen(row) | asked),
        me.get(url("suggestion", row.id), change | moments),
        me.post(url("suggestion", row.id), change | moments),
        *(me.get(url("suggestion", row.id), later_by | {name: at}) for name in moments),
    ]
    for answer in answers:
        if at in OUT_OF_BOUNDS:
            assert answer.status_code == 400
            assert "board:toast" in answer["HX-Trigger"]
        else:
            assert answer.status_code < 500
    assert not Assignment.objects.exists()


@pytest.mark.django_db
def test_an_endless_event_number_is_refused():
    me = dispatcher()
    for after, status in (("9" * 18, 204), ("9" * 5000, 400), ("-1", 400)):
        assert me.get(url("news"), {"after": after}).status_code == status
