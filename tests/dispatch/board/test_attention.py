"""The figures and the list of what needs attention: what they count, in which order, and why."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking
from dispatch.board import views
from dispatch.board.day import read_board
from dispatch.board.layout import lay_out
from dispatch.forecast.states import State
from dispatch.models import Assignment
from drivers.models import Driver, Role
from tests.support import builders as make
from tests.support.builders import DAY, at

# From home to the hospital and back it is 18:44 each; boarding takes 3 minutes, alighting 2. The
# window of a pickup is from 10 minutes before to 15 after the wanted time.


@pytest.fixture
def ana(geneva):
    ana = make.driver(geneva, "Ana", home_lat=make.HOME[0], home_lon=make.HOME[1], phone="+41 1")
    make.shift(ana, "06:00", "18:00")
    return ana


def board(company, clock):
    return read_board(company, DAY, now=at(clock))


def listed(company, clock):
    """Return (kind, minutes left, cause) of each line."""
    return [
        (str(item.kind), int(item.left.total_seconds() // 60), item.cause)
        for item in board(company, clock).attention
    ]


def test_what_waits_is_counted_by_what_it_needs(geneva):
    for clock, fields in (
        ("07:20", {}),  # missed: its window ended at 07:35
        ("08:05", {}),  # due: until 08:20
        ("08:50", {}),  # not due: until 09:05
        ("09:00", {"status": "pending", "will_call": True}),
        ("12:00", {"priority": Booking.Priority.URGENT}),
    ):
        make.booking(geneva, clock, **fields)
    states = board(geneva, "08:00").figures.states
    assert [states[name] for name in ("missed", "due", "unassigned", "will_call")] == [1, 1, 3, 1]


def test_on_duty_now_are_those_in_a_shift_who_are_not_absent(geneva, ana):
    late, sick = make.driver(geneva), make.driver(geneva)
    make.shift(late, "12:00", "20:00")
    make.shift(sick, "06:00", "18:00")
    sick.absences.create(start_at=at("08:00"), end_at=at("18:00"))
    for clock, on_duty in (("05:59", 0), ("06:00", 2), ("08:00", 1), ("12:00", 2), ("18:00", 1)):
        figures = board(geneva, clock).figures
        assert (figures.states[State.ON_DUTY], figures.on_duty) == (on_duty, 3), clock


def test_late_is_what_has_missed_its_time_and_will_be_late_what_is_going_to(geneva, ana):
    make.assignment(
        make.booking(geneva, "08:00"), ana, status="in_progress", actual_pickup_at=at("08:30")
    )
    make.assignment(make.booking(geneva, "09:00"), ana)
    # On board until 08:51:44 + 2:00 + 18:44 back: the window of the second ends at 09:15.
    states = board(geneva, "08:57").figures.states
    assert (states["late"], states["will_be_late"]) == (0, 1)
    states = board(geneva, "09:16").figures.states
    assert (states["late"], states["will_be_late"]) == (1, 0)


def test_the_list_is_in_order_of_the_time_left_with_a_cause_each(geneva, ana):
    ben = make.driver(geneva, "Ben", home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(ben)
    carl = make.driver(geneva, "Carl", home_lat=make.HOSPITAL[0], home_lon=make.HOSPITAL[1])
    make.shift(carl)
    zoe = make.client(geneva, name="Zoé Favre")
    make.assignment(
        make.booking(geneva, "08:00", client=zoe), ana, status="in_progress",
        actual_pickup_at=at("08:20"),
    )  # fmt: skip
    make.assignment(make.booking(geneva, "09:00"), ana)
    make.assignment(make.booking(geneva, "09:05"), carl)  # had to leave at 08:46:16
    make.assignment(make.booking(geneva, "10:00"), ben, confirmed=True)
    make.assignment(make.booking(geneva, "09:45"), make.driver(geneva, "Dan"))
    make.booking(geneva, "08:30")  # until 08:45
    make.booking(geneva, "08:55")  # until 09:10
    make.booking(geneva, "14:00")  # in five hours: not yet
    assert listed(geneva, "08:57") == [
        ("silent", -16, "No report: the end of the ride was due at 08:41."),
        ("missed", -12, "The pickup window ended at 08:45."),
        ("unassigned", 13, "The day has not been planned yet."),
        ("will_be_late", 18, "The trip before, 08:00 Zoé Favre, is expected to end at 08:57."),
        ("unconfirmed", 48, "The driver has not confirmed the trip."),
        ("silent", -11, "Since 08:46, 1 trip."),
    ]


def test_a_driver_who_reports_nothing_is_one_line_after_what_is_known(client, geneva, ana):
    for clock in ("07:00", "08:00", "09:00"):
        make.assignment(make.booking(geneva, clock), ana)
    # Leaving was due at 07:00, from home, then 18:44 before the next pickups; the last not yet.
    make.booking(geneva, "07:20")  # missed at 07:35, an hour ago
    make.booking(geneva, "09:00")
    assert board(geneva, "08:40").figures.states["late"] == 2  # the figure still counts them
    assert listed(geneva, "08:40") == [
        ("unassigned", 35, "The day has not been planned yet."),
        ("missed", -65, "The pickup window ended at 07:35."),
        ("silent", -100, "Since 07:00, 2 trips."),
    ]
    line = lay_out(board(geneva, "08:40"))["attention"][-1]
    first = Booking.objects.order_by("scheduled_time", "id").first()
    assert (line["name"], line["booking"], line["action"]) == ("Ana", first.id, "call")
    assert (line["phone"], line["driver"]) == ("+41 1", None)


def test_one_report_of_the_day_makes_each_trip_of_the_driver_a_line(geneva, ana):
    first, _second, _third = (
        make.assignment(make.booking(geneva, clock), ana) for clock in ("07:00", "08:00", "09:00")
    )
    Assignment.objects.filter(id=first.id).update(
        status="completed", actual_pickup_at=at("07:00"), actual_dropoff_at=at("07:20")
    )
    Booking.objects.filter(id=first.booking_id).update(status="completed")
    assert {kind for kind, _left, _cause in listed(geneva, "08:40")} == {"late", "will_be_late"}


def test_what_is_late_by_the_plan_is_not_hidden_behind_a_silent_driver(geneva, ana):
    make.assignment(make.booking(geneva, "08:00"), ana)
    # The window ends at 09:15: half an hour too late, whatever is reported.
    make.assignment(make.booking(geneva, "09:00"), ana, planned_pickup_at=at("09:45"))
    assert [(kind, left) for kind, left, _cause in listed(geneva, "08:20")] == [
        ("will_be_late", 55),
        ("silent", -20),
    ]


def test_a_driver_who_was_seen_on_the_day_is_not_silent_all_day(geneva, ana):
    make.assignment(make.booking(geneva, "08:00"), ana)
    assert listed(geneva, "08:30") == [("silent", -30, "Since 08:00, 1 trip.")]
    ana.last_lat, ana.last_lon, ana.last_position_at = *make.HOME, at("08:01")
    ana.save()
    assert [kind for kind, _left, _cause in listed(geneva, "08:30")] == ["late"]


def test_silence_of_the_morning_is_not_told_all_evening(geneva, ana):
    make.assignment(make.booking(geneva, "08:00"), ana)
    assert len(listed(geneva, "14:00")) == 1
    assert listed(geneva, "14:01") == []


def test_where_nobody_confirms_trips_none_is_missing(geneva, ana):
    make.assignment(make.booking(geneva, "09:00"), ana)
    assert listed(geneva, "08:30") == []


def test_a_driver_who_is_seen_is_not_silent(geneva, ana):
    carl = make.driver(geneva, "Carl", home_lat=make.HOSPITAL[0], home_lon=make.HOSPITAL[1])
    make.shift(carl)
    make.assignment(make.booking(geneva, "09:05"), carl)
    assert [kind for kind, _left, _cause in listed(geneva, "08:57")] == ["silent"]
    carl.last_lat, carl.last_lon = make.HOME
    carl.last_position_at = at("08:56")
    carl.save()
    assert listed(geneva, "08:57") == []


def test_what_was_lost_an_hour_ago_comes_last(geneva):
    make.booking(geneva, "07:00")  # until 07:15
    make.booking(geneva, "09:00")
    kinds = [kind for kind, _left, _cause in listed(geneva, "08:30")]
    assert kinds == ["unassigned", "missed"]


@pytest.mark.parametrize(
    ("fields", "clock", "why"),
    [
        ({}, "09:20", "The driver is not on the way; leaving was due at 09:00."),
        ({"status": "en_route"}, "09:20", "The driver is on the way; no arrival was reported."),
        (
            {"status": "en_route", "arrived_at": at("09:02")},
            "09:20",
            "The driver arrived at 09:02; nobody is on board yet.",
        ),
        ({"planned_pickup_at": at("09:30")}, "08:00", "It is planned so: pickup at 09:30."),
        (
            {"status": "in_progress", "actual_pickup_at": at("09:05")},
            "09:21",
            "On board; the ride is expected to end at 09:26.",
        ),
    ],
)
def test_the_cause_of_a_late_trip_is_what_holds_it_up(geneva, ana, fields, clock, why):
    booking = make.booking(geneva, "09:00", appointment_at=at("09:20"))
    if "planned_pickup_at" in fields:
        Booking.objects.update(appointment_at=None)
        booking.refresh_from_db()
    make.assignment(booking, ana, **fields)
    # She has reported before; nobody was there, so she stayed at home.
    make.assignment(make.booking(geneva, "06:30"), ana, status="no_show")
    ((kind, _left, cause),) = listed(geneva, clock)
    assert (kind in ("late", "will_be_late"), cause) == (True, why)


def actions(company, clock):
    return {
        (line["kind"], line["action"]): line for line in lay_out(board(company, clock))["attention"]
    }


def test_each_line_has_one_action_that_works(client, geneva, ana, monkeypatch):
    zoe = make.client(geneva, name="Zoé", phone="+41 2")
    make.assignment(
        make.booking(geneva, "08:00", client=zoe), ana, status="in_progress",
        actual_pickup_at=at("08:20"),
    )  # fmt: skip
    make.assignment(make.booking(geneva, "09:00", client=zoe), ana)
    make.booking(geneva, "08:55")
    found = actions(geneva, "08:57")
    assert set(found) == {("silent", "call"), ("unassigned", "assign"), ("will_be_late", "assign")}
    assert found["silent", "call"]["phone"] == "+41 1"  # the driver's
    monkeypatch.setattr(views.timezone, "now", lambda: at("08:57"))
    url = reverse("admin:board:fragment", args=[geneva.slug, DAY])
    page = client.get(url).content.decode()
    asked = re.findall(r'hx-get="(/admin/board/geneva/booking/\d+/candidates/\?pick=1)"', page)
    assert len(asked) == 2
    for address in asked:
        assert "Who drives" in client.get(address).content.decode()
    # A viewer may call, and no more.
    client.force_login(make.member(geneva, Role.VIEWER))
    page = client.get(url).content.decode()
    assert 'href="tel:+411"' in page
    assert "candidates/" not in page


def test_the_panel_of_a_late_trip_says_how_late_and_why(client, geneva, django_assert_num_queries):
    now = timezone.now()
    start_at = now - timedelta(hours=2)
    ana = make.driver(geneva, "Ana", home_lat=make.HOME[0], home_lon=make.HOME[1])
    make.shift(ana, start_at=start_at, end_at=now + timedelta(hours=6))
    booking = make.booking(geneva, scheduled_time=now - timedelta(minutes=49, seconds=30))
    make.assignment(booking, ana)
    page = client.get(reverse("admin:board:booking", args=["geneva", booking.id])).content.decode()
    # The window ended 15 minutes after the wanted time: 49.5 - 15 = 34.5 minutes ago.
    assert "Late by 34 min: expected " in page
    assert "The driver is not on the way; leaving was due at " in page


def test_a_car_that_stands_where_nothing_was_reported_proposes_the_report(client, geneva, ana):
    home, hospital, far = make.HOME, make.HOSPITAL, (46.2360, 6.0800)  # 0.22 km from home
    booking = make.booking(geneva, "09:00")
    trip = make.assignment(booking, ana, status="en_route")

    def stands(place, clock):
        where = {"last_lat": place[0], "last_lon": place[1], "last_position_at": at(clock)}
        Driver.objects.filter(pk=ana.pk).update(**where)

    def proposed(clock):
        return [item.report for item in board(geneva, clock).attention if item.kind == "seen"]

    stands(home, "08:58")
    assert proposed("08:59") == []  # not due
    stands(home, "09:01")
    assert proposed("09:02") == ["arrive"]
    stands(far, "09:01")
    assert proposed("09:02") == []
    stands(home, "08:30")
    assert proposed("09:02") == []  # long ago
    stands(home, "09:01")
    page = lay_out(board(geneva, "09:02"))
    [line] = [row for row in page["attention"] if row["kind"] == "seen"]
    assert (line["action"], line["report"], line["seen_at"]) == ("report", "arrive", "09:01")
    trip.refresh_from_db()
    assert trip.arrived_at is None  # only proposed
    # On board, at the hospital, and the ride should be over.
    Assignment.objects.filter(pk=trip.pk).update(
        status="in_progress", actual_pickup_at=at("09:05"), arrived_at=at("09:01")
    )
    Booking.objects.filter(pk=booking.pk).update(status="in_progress")
    stands(hospital, "09:29")
    assert proposed("09:30") == ["completed"]
    stands(hospital, "09:04")
    assert proposed("09:30") == []
