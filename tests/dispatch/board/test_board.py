"""The day board: what it shows, to whom, and in how many statements."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.models import Actor, Booking, Door, Event
from dispatch.board import views
from dispatch.board.day import opening_day, read_board
from dispatch.board.layout import lay_out
from dispatch.board.map import map_of
from dispatch.forecast.expected import Risk
from dispatch.runs.options import FIRST_PLAN
from dispatch.runs.run import run_dispatch
from dispatch.trips.cancel import cancel
from dispatch.trips.progress import report_progress
from drivers.models import Absence, Company, Role, Shift
from perf.project.scenarios.company import seed_scenario
from tests.support import builders as make
from tests.support.builders import DAY, NOW, at

ACTOR = Actor(Door.ADMIN, name="tester")
# From home to the hospital it is 9.4 road km: 18:44 at 30 km/h. Boarding takes 3 minutes,
# alighting 2.


@pytest.fixture
def company(db):
    return make.company()


@pytest.fixture
def driver(company):
    driver = make.driver(company, "Ana", home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(driver, "06:00", "18:00")
    return driver


def board(company, now=NOW, day=DAY):
    return read_board(company, day, now=now)


def trips_of(company, now=NOW):
    return {trip.row.id: trip for day in board(company, now).drivers for trip in day.trips}


def page(company, name="day", **kwargs):
    return reverse(f"admin:board:{name}", args=[company.slug, DAY], **kwargs)


def test_figures_count_what_there_is(company, driver):
    make.assignment(make.booking(company, "08:00"), driver)
    make.assignment(make.booking(company, "09:00"), driver, status="en_route")
    make.assignment(make.booking(company, "07:00"), driver, status="completed")
    make.booking(company, "10:00", priority=2)
    make.booking(company, "11:00", status="pending")
    make.booking(company, "12:00", status="canceled")
    make.booking(company, "08:00", day=DAY + timedelta(days=1))
    figures = board(company).figures
    states = figures.states
    assert (figures.booked, states["assigned"], states["unassigned"]) == (5, 3, 2)
    assert (states["under_way"], states["done"]) == (1, 1)
    assert (states["on_duty"], figures.on_duty) == (0, 1)  # of the day, whose eve it is


def test_kilometres_are_those_of_the_run_that_made_the_plan(db):
    seed_scenario("many", day=DAY, bookings=40, drivers=5, history=0, seed=1, now=NOW, actor=ACTOR,
                  events=True)  # fmt: skip
    company = Company.objects.get(slug="many")
    report = run_dispatch(company, DAY, now=NOW, actor=ACTOR, options=FIRST_PLAN)
    seen = board(company)
    assert seen.figures.states["assigned"] == report.assigned
    assert seen.figures.states["unassigned"] == len(report.unassigned) > 0
    assert seen.figures.passenger_km == report.metrics["passenger_km"]
    assert seen.figures.empty_km == report.metrics["deadhead_km"]
    states = seen.figures.states
    assert (states["late"], states["will_be_late"], states["behind"]) == (0, 0, 0)
    reasons = {row.booking: row for row in report.unassigned}
    for waiting in seen.waiting:
        assert waiting.reason == reasons[waiting.row.id].detail
        assert waiting.suggestion == (reasons[waiting.row.id].suggestion or "")
        assert not waiting.outdated


def test_the_plan_of_a_run_that_was_changed_since_is_called_so(
    client, company, driver, monkeypatch
):
    left = make.booking(company, "09:00")
    Booking.objects.update(updated_at=NOW - timedelta(hours=1))
    run = make.run(company, unassigned=[
        {"booking": left.id, "detail": "All busy.", "suggestion": "Wait."}
    ])  # fmt: skip
    (waiting,) = board(company).waiting
    assert (waiting.reason, waiting.suggestion, waiting.outdated) == ("All busy.", "Wait.", False)
    assert waiting.since.id == run.id
    make.assignment(make.booking(company), driver, updated_at=NOW + timedelta(minutes=1))
    assert board(company).waiting[0].outdated
    client.force_login(make.member(company))
    monkeypatch.setattr(views.timezone, "now", lambda: NOW)
    said = client.get(page(company, "fragment")).content.decode()
    assert "From the plan of 18:00 (16 June), which has changed since." in said


def test_the_reason_of_a_run_names_trips_as_people_do(company):
    zoe = make.client(company, name="Zoé Favre")
    make.booking(company, "08:30", reference="R-1", client=zoe)
    left = make.booking(company, "09:00")
    Booking.objects.update(updated_at=NOW - timedelta(hours=1))
    values = {"driver": "Ana", "trip": "R-1", "from_s": "08:30", "until_s": "08:54"}
    said = {"detail": ["overlap", values], "blockers": [], "suggestion": None}
    make.run(company, unassigned=[{"booking": left.id, "detail": "", "said": said}])
    reason = board(company).waiting[1].reason
    assert reason == "Ana is on trip 08:30 Zoé Favre from 08:30 to 08:54, at the same time."


def test_a_booking_changed_after_the_run_has_no_reason_from_it(company):
    left = make.booking(company, "09:00")
    make.run(company, unassigned=[{"booking": left.id, "detail": "All busy.", "suggestion": None}])
    Booking.objects.update(updated_at=NOW + timedelta(minutes=1))
    assert board(company).waiting[0].reason == "Booked or changed after the last plan."


def test_the_bookings_own_state_comes_before_the_reason_of_a_run(company):
    make.booking(company, "09:00", status="pending")
    missed = make.booking(company, "06:00")
    make.run(company, unassigned=[{"booking": missed.id, "detail": "All busy.", "suggestion": ""}])
    reasons = [waiting.reason for waiting in board(company, at("08:00")).waiting]
    assert reasons == [
        "The pickup window ended at 06:15.",
        "The booking has not been accepted yet.",
    ]


def test_a_trip_is_announced_late_before_its_pickup(company, driver):
    first = make.booking(company, "08:00")
    second = make.booking(company, "09:00")  # the driver has to come back for it
    make.assignment(first, driver, status="in_progress", actual_pickup_at=at("08:30"))
    make.assignment(second, driver)
    late = trips_of(company, at("08:45"))[second.id].expected
    # 08:30 + 3 min boarding + 18:44 ride + 2 min alighting + 18:44 back = 09:12:28
    assert late.pickup_at == at("09:12") + timedelta(seconds=28)
    assert late.risk == Risk.BEHIND
    later = trips_of(company, at("09:00"))[second.id].expected
    # still on board at 09:00: + 2 min alighting + 18:44 back = 09:20:44, the window ends 09:15
    assert later.pickup_at == at("09:20") + timedelta(seconds=44)
    assert (later.risk, later.late) == (Risk.LATE, timedelta(minutes=5, seconds=44))


def test_a_trip_in_time_is_not_announced(company, driver):
    booking = make.booking(company, "08:00")
    make.assignment(booking, driver)
    assert trips_of(company, at("07:59"))[booking.id].expected.risk == Risk.NONE
    assert trips_of(company, at("08:17"))[booking.id].expected.risk == Risk.LATE


def test_a_fresh_position_says_when_a_driver_arrives(company, driver):
    booking = make.booking(company, "08:00")
    make.assignment(booking, driver)
    driver.last_lat, driver.last_lon = make.HOSPITAL
    driver.last_position_at = at("07:49")
    driver.save()
    expected = trips_of(company, at("07:50"))[booking.id].expected
    assert expected.pickup_at == at("08:08") + timedelta(seconds=44)
    driver.last_position_at = at("07:00")  # too long ago to mean anything: at home
    driver.save()
    assert trips_of(company, at("07:50"))[booking.id].expected.pickup_at == at("08:00")


def test_a_missed_appointment_makes_a_trip_late(company, driver):
    booking = make.booking(company, "08:00", appointment_at=at("08:20"))
    make.assignment(booking, driver)
    expected = trips_of(company, at("08:05"))[booking.id].expected
    # 08:05 + 3 min boarding + at least the planned ride: after 08:20
    assert expected.risk == Risk.LATE


def test_a_break_before_a_trip_delays_it(company):
    driver = make.driver(company, home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(driver, break_min=30, break_at=at("08:30"))
    booking = make.booking(company, "09:00")
    make.assignment(booking, driver)
    assert trips_of(company, at("08:29"))[booking.id].expected.pickup_at == at("09:00")
    Shift.objects.update(break_at=at("08:50"))
    assert trips_of(company, at("08:29"))[booking.id].expected.pickup_at == at("09:20")


def test_a_long_day_has_twenty_five_hours(company):
    day = date(2026, 10, 25)  # 03:00 becomes 02:00 again
    driver = make.driver(company)
    shift = make.shift(driver, "00:00", "12:00", day=day)
    shift.end_at = company.day_bounds(day)[1]
    shift.start_at = shift.end_at - timedelta(hours=24)  # from 01:00
    shift.save()
    make.booking(company, "00:30", day=day)
    hours = [hour["text"] for hour in lay_out(board(company, day=day))["hours"]]
    assert len(hours) == 25
    assert hours[:5] == ["00", "01", "02", "02 CET", "03"]


def test_a_short_day_has_twenty_three_hours(company):
    day = date(2026, 3, 29)
    shift = make.shift(make.driver(company), "04:00", "12:00", day=day)
    shift.start_at, shift.end_at = company.day_bounds(day)
    shift.save()
    hours = lay_out(board(company, day=day))["hours"]
    assert [hour["text"] for hour in hours][:4] == ["00", "01", "03", "04"]
    assert len(hours) == 23
    assert hours[2]["left"] == round(100 * 2 / 23, 3)


def test_a_day_long_past_ends_with_what_was_planned(company, driver):
    """Nobody reported the trip, which is therefore expected for months."""
    make.assignment(make.booking(company, "23:50"), driver)
    past = board(company, now=NOW + timedelta(days=160))
    assert past.until_at == at("24:00") + timedelta(hours=1)  # the dropoff, after midnight
    drawn = lay_out(past)
    assert len(drawn["hours"]) == 19  # from the shift at 06:00
    assert [trip["clock"] for trip in drawn["rows"][0]["trips"]] == ["23:50"]


def test_a_shift_over_midnight_is_drawn_on_both_days(company):
    driver = make.driver(company)
    make.shift(driver, "20:00", "28:00")
    booking = make.booking(company, "24:30")
    make.assignment(booking, driver)
    (row,) = lay_out(board(company))["rows"]
    assert row["shifts"][0]["title"] == "Shift 20:00–04:00 (18 June)"
    assert "elsewhen" in row["trips"][0]["classes"]
    assert row["count"] == 0
    (row,) = lay_out(board(company, day=DAY + timedelta(days=1)))["rows"]
    assert row["shifts"][0]["left"] == 0
    assert row["count"] == 1


def test_a_driver_away_all_day_is_not_on_duty(company, driver):
    Absence.objects.create(
        driver=driver, start_at=at("00:00"), end_at=at("24:00"), reason=Absence.Reason.SICK
    )
    seen = board(company)
    assert seen.figures.on_duty == 0
    (row,) = lay_out(seen)["rows"]
    assert row["away"]
    assert row["absences"][0]["text"] == "sick"


def test_the_map_has_the_same_trips(company, driver):
    make.assignment(make.booking(company, "08:00"), driver)
    make.booking(company, "09:00")
    drawn = map_of(board(company))
    assert drawn["drivers"][0]["trips"][0]["from"] == list(make.HOME)
    assert len(drawn["waiting"]) == 1
    assert drawn["bounds"] == [
        [make.HOSPITAL[0], make.HOME[1]],
        [make.HOME[0], make.HOSPITAL[1]],
    ]


def test_manifests_are_printed_with_names_places_and_local_times(client, company, driver):
    zoe = make.client(company, name="Zoé <Favre>", phone="+41 22 1")
    trip = make.booking(company, "09:00", client=zoe, wheelchairs=1, notes="Ring twice")
    make.assignment(trip, driver, planned_pickup_at=at("08:55"))
    make.booking(company, "10:00", reference="LEFT-1")
    client.force_login(make.member(company, Role.VIEWER))
    text = client.get(page(company, "manifests")).content.decode()
    for shown in (
        "Ana",
        "Zoé &lt;Favre&gt;",
        "+41 22 1",
        ">08:55 <",
        "Ring twice",
        "1, in a wheelchair",
    ):
        assert shown in text
    assert f"{trip.pickup_lat:.5f}" in text or trip.pickup_address in text
    assert "LEFT-1" in text


def test_the_board_opens_on_the_next_day_with_bookings(company):
    assert opening_day(company, NOW) == DAY - timedelta(days=1)
    make.booking(company, "08:00")
    assert opening_day(company, NOW) == DAY
    make.booking(company, "21:00", day=DAY - timedelta(days=1))
    assert opening_day(company, NOW) == DAY - timedelta(days=1)


@pytest.mark.parametrize("name", ["day", "fragment", "map", "manifests"])
@pytest.mark.parametrize("role", [Role.OWNER, Role.DISPATCHER, Role.VIEWER])
def test_the_office_sees_its_own_board_and_no_other(client, company, name, role):
    other = make.company("other")
    client.force_login(make.member(company, role))
    assert client.get(page(company, name)).status_code == 200
    assert client.get(page(other, name)).status_code == 404


def test_another_companys_trips_and_news_stay_there(client, company, driver):
    other = make.company("other")
    make.assignment(make.booking(other, reference="SECRET"), make.driver(other, "Secret"))
    client.force_login(make.member(company))
    assert b"SECRET" not in client.get(page(company)).content.upper()
    news = reverse("admin:board:news", args=[other.slug])
    assert client.get(news, {"after": 0}).status_code == 404


@pytest.mark.parametrize("role", [Role.DRIVER, Role.CLIENT_API])
def test_others_see_no_board(client, company, role):
    client.force_login(make.member(company, role))
    assert client.get(page(company)).status_code == 403
    assert client.get(reverse("admin:board:open")).status_code == 403


def test_days_at_the_ends_of_the_calendar_are_not_found(client, company):
    client.force_login(make.member(company))
    for name in ("day", "fragment", "map", "manifests"):
        for day in ("0001-01-01", "9999-12-31", "2026-02-30"):
            assert client.get(page(company, name).replace(str(DAY), day)).status_code == 404


def test_strangers_are_asked_to_log_in(client, company):
    response = client.get(page(company))
    assert response.status_code == 302
    assert response.url.startswith(reverse("admin:login"))


@pytest.mark.parametrize(("role", "may"), [(Role.DISPATCHER, "1"), (Role.VIEWER, "")])
def test_a_viewer_sees_that_nothing_can_be_changed(client, company, role, may):
    client.force_login(make.member(company, role))
    assert f'data-may-write="{may}"' in client.get(page(company)).content.decode()


def test_the_board_opens_at_the_users_own_company(client, company, monkeypatch):
    monkeypatch.setattr(views.timezone, "now", lambda: NOW)
    make.company("another")
    make.booking(company, "08:00")
    client.force_login(make.member(company))
    response = client.get(reverse("admin:board:open"))
    assert response.url == page(company)


def test_polling_returns_the_last_event_and_who_caused_it(client, company, driver):
    booking = make.booking(company, "08:00")
    colleague, me = make.member(company, username="berthe"), make.member(company)
    client.force_login(me)
    seen = board(company).event
    news = reverse("admin:board:news", args=[company.slug])
    assert client.get(news, {"after": seen}).status_code == 204
    for user in (colleague, me):
        Event.objects.create(
            company=company,
            booking=booking,
            kind="booking.changed",
            at=NOW,
            door="admin",
            user=user,
        )
    found = client.get(news, {"after": seen}).json()
    assert found["by"] == ["berthe"]
    assert client.get(news, {"after": found["event"]}).status_code == 204
    assert client.get(news, {"after": "x"}).status_code == 400
    with CaptureQueriesContext(connection) as statements:
        client.get(news, {"after": found["event"]})
    assert len(statements) <= 5  # session, user, company, events


def test_a_driver_is_called_sick_from_the_row_of_today_by_who_may_write(
    client, company, driver, monkeypatch
):
    url = reverse("admin:board:sick", args=[company.slug, driver.pk])
    fragment = page(company, "fragment")
    client.force_login(make.member(company))
    assert url not in client.get(fragment).content.decode()  # the day is over
    monkeypatch.setattr(views.timezone, "now", lambda: at("09:00"))
    assert f'hx-get="{url}"' in client.get(fragment).content.decode()
    client.force_login(make.member(company, Role.VIEWER))
    assert url not in client.get(fragment).content.decode()


def test_a_change_of_shifts_absences_or_drivers_is_news_too(client, company, driver):
    client.force_login(make.member(company))
    url = reverse("admin:board:news", args=[company.slug])
    event = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0

    def news(tag):
        asked = {"after": event, "day": DAY.isoformat(), "fleet": tag}
        return client.get(url, asked)

    def tag():
        text = client.get(page(company, "fragment")).content.decode()
        return text.partition('data-fleet="')[2][:8]

    def move():
        driver.last_lat, driver.last_lon, driver.last_position_at = *make.HOME, NOW
        driver.save()

    def rename():
        driver.name = "Anna"
        driver.save()

    for change, is_news in (
        (move, False),  # follows by itself within a minute
        (rename, True),
        (lambda: driver.absences.create(start_at=at("09:00"), end_at=at("10:00")), True),
        (lambda: driver.shifts.update(end_at=at("17:00")), True),
    ):
        seen = tag()
        assert news(seen).status_code == 204
        change()
        response = news(seen)
        assert response.status_code == (200 if is_news else 204)
        if is_news:
            assert response.json() == {"event": event, "by": []}
    for day in ("yesterday", "0001-01-01", "9999-12-31"):
        asked = {"after": event, "fleet": "x", "day": day}
        assert client.get(url, asked).status_code == 400, day


def test_the_statements_are_as_many_at_any_size(client, db):
    counts = []  # with so few drivers that trips wait for one at both sizes
    for size in (20, 100):
        seed_scenario(f"c{size}", day=DAY, bookings=size, drivers=size // 7, history=0, seed=1,
                      now=NOW, actor=ACTOR, events=True)  # fmt: skip
        company = Company.objects.get(slug=f"c{size}")
        run_dispatch(company, DAY, now=NOW, actor=ACTOR, options=FIRST_PLAN)
        client.force_login(make.member(company))
        with CaptureQueriesContext(connection) as statements:
            response = client.get(page(company))
        assert response.content.count(b'class="trip ') > size / 2
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 12


def test_office_users_start_at_the_board(client, company, admin_user):
    client.force_login(make.member(company, Role.VIEWER))
    assert client.get(reverse("admin:index")).url == reverse("admin:board:open")
    client.force_login(make.member(company, Role.DRIVER))
    assert client.get(reverse("admin:index")).status_code == 200


def test_times_are_in_the_zone_of_the_company_shown(client, company, admin_user):
    there = make.company("auckland", timezone="Pacific/Auckland")
    client.force_login(admin_user)
    assert "Pacific/Auckland" in client.get(page(there)).content.decode()
    assert client.get(page(there)).context["request"].company == there


def test_a_change_is_on_the_next_board(company, driver):
    booking = make.booking(company, "08:00")
    make.assignment(booking, driver)
    before = board(company)
    report_progress(company, booking.id, "en_route", actor=ACTOR, now=at("07:40"))
    after = board(company, at("07:41"))
    assert after.event > before.event
    assert after.figures.states["under_way"] == 1
    cancel(company, booking.id, actor=ACTOR, now=at("07:42"), reason="ill")
    assert board(company).figures.booked == 0
