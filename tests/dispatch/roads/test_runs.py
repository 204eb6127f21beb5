"""Runs and pages with a road server: what they say, and what they do when it fails."""

from datetime import timedelta

import pytest
from django.urls import reverse

from bookings.models import Actor, Booking, Door, Event
from dispatch.api.quotes import CandidatesSerializer
from dispatch.board.day import read_board
from dispatch.models import Assignment, DispatchRun
from dispatch.roads.osrm import RoadsFailed
from dispatch.roads.times import _failed_at
from dispatch.runs.options import RunOptions
from dispatch.runs.previews import apply_preview, plan_preview
from dispatch.runs.revert import revert_run
from dispatch.runs.run import run_dispatch
from dispatch.trips.advice.advise import advise, quote
from dispatch.trips.advice.offer import offer_times
from dispatch.trips.assign import assign
from tests.support import builders as make
from tests.support.callers import API, BOOKED, booking_values, caller
from tests.support.road_server import drive

pytestmark = [pytest.mark.django_db, pytest.mark.process]

ENDS = ("pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon")
ACTOR = Actor(Door.COMMAND, name="test")
OPTIONS = RunOptions(time_limit_s=0)
# Where one place is new, nulls are an answer: no road leads there.
WAYS_WITH_ONE = ["cut", "500", "html", "no table", "hang"]
WAYS_TO_FAIL = ["cut", "500", "html", "nulls", "no table", "hang"]


def dispatch(**options):
    company = make.Company.objects.get()
    return run_dispatch(company, make.DAY, now=make.NOW, actor=ACTOR, options=OPTIONS, **options)


@pytest.fixture
def day(roads, settings):
    """Twelve bookings of four clients, three drivers."""
    settings.ROADS_WAIT_S = 1
    for n in range(3):
        make.shift(make.driver(home_lat=46.2 + n / 50, home_lon=6.1))
    for n in range(12):
        make.booking(
            clock=f"{7 + n % 6:02}:{10 * (n % 3):02}",
            pickup_lat=round(46.19 + n / 100, 5),
            dropoff_lon=round(6.14 + n / 200, 5),
        )
    return roads


def nothing_is_written():
    assert not Assignment.objects.exists()
    assert not Event.objects.filter(kind__startswith="assignment").exists()
    assert set(Booking.objects.values_list("status", flat=True)) == {"accepted"}


def test_a_plan_is_made_and_checked_with_the_times_of_the_road(day):
    report = dispatch()
    assert report.assigned == 12
    assert report.metrics["driving"] == {"by": "roads"}
    assert "Driving times and distances by road." in report.summary()
    minutes = timedelta(minutes=make.Company.objects.get().boarding_min)
    rides_m = 0
    for row in Assignment.objects.select_related("booking"):
        booking = row.booking
        seconds, metres = drive(
            (booking.pickup_lat, booking.pickup_lon), (booking.dropoff_lat, booking.dropoff_lon)
        )
        ride = row.planned_dropoff_at - row.planned_pickup_at - minutes
        assert abs(ride.total_seconds() - seconds) <= 1
        rides_m += metres
    assert report.metrics["passenger_km"] == round(rides_m / 1000, 1)


def test_a_second_run_asks_for_nothing_but_whether_the_server_is_there(day):
    dispatch()
    asked = day.requests
    assert dispatch().metrics["driving"] == {"by": "roads"}
    assert day.requests == asked + 1


def test_a_run_with_roads_takes_no_statement_more(day, settings):
    by_road = dispatch(preview=True)
    settings.ROADS_URL = ""
    assert dispatch(preview=True).statements == by_road.statements == 3
    settings.ROADS_URL = day.url
    assert dispatch().statements <= 13


@pytest.mark.parametrize("how", WAYS_TO_FAIL)
def test_a_run_is_refused_before_it_claims_the_day_when_the_server_is_not_there(day, how):
    day.fails = lambda number: how
    with pytest.raises(RoadsFailed, match=r"The road server 127\.0\.0\.1:\d+ "):
        dispatch()
    nothing_is_written()
    assert not DispatchRun.objects.exists()


@pytest.mark.parametrize("how", WAYS_TO_FAIL)
@pytest.mark.parametrize("at", [2, 3])
def test_a_server_that_fails_during_a_run_leaves_a_failed_run_and_no_plan(day, how, at):
    day.fails = lambda number: how if number >= at else None
    with pytest.raises(RoadsFailed):
        dispatch()
    nothing_is_written()
    run = DispatchRun.objects.get()
    assert run.status == DispatchRun.Status.FAILED
    assert run.error.startswith("RoadsFailed: The road server 127.0.0.1:")
    day.fails = lambda number: None
    assert dispatch().assigned == 12  # the day is free


@pytest.mark.parametrize("how", WAYS_TO_FAIL)
@pytest.mark.parametrize("at", [1, 2])
def test_by_policy_a_run_goes_on_with_the_straight_line_and_says_so(day, settings, how, at):
    settings.ROADS_FALLBACK = True
    day.fails = lambda number: how if number >= at else None
    report = dispatch()
    assert report.assigned == 12
    said = report.metrics["driving"]
    assert (said["by"], said["guessed"] > 0) == ("mixed", True)
    assert f"{said['guessed']} by the straight line. The road server 127.0.0.1:" in report.summary()
    assert DispatchRun.objects.get().metrics["driving"] == said


def test_each_company_has_its_own_policy(day):
    make.Company.objects.update(plan_without_roads=True)
    day.fails = lambda number: "500"
    assert dispatch().metrics["driving"]["by"] == "mixed"
    make.Company.objects.update(plan_without_roads=False)
    with pytest.raises(RoadsFailed):
        dispatch()


def meanwhile(monkeypatch, act):
    """Call `act` once, between the search of a run and the writing of its plan."""
    acts = [act]
    monkeypatch.setattr("dispatch.runs.run.reconnect", lambda: acts and acts.pop()())


def moved(roads, how):
    """Let a driver move house, so that the day is read again, and the server fail."""
    make.Driver.objects.filter(id=make.Driver.objects.first().id).update(home_lat=46.27)
    roads.fails = lambda number: how


def refused(ask, how):
    """Ask for a run that is refused because the server fails like this: the message names it."""
    late = r"did not answer within 1 s\." if how == "hang" else ""
    with pytest.raises(RoadsFailed, match=rf"^The road server 127\.0\.0\.1:\d+ .*{late}"):
        ask()


@pytest.mark.parametrize("how", WAYS_WITH_ONE)
def test_a_run_that_is_adapted_without_the_server_leaves_no_half_plan(day, monkeypatch, how):
    meanwhile(monkeypatch, lambda: moved(day, how))
    refused(dispatch, how)
    nothing_is_written()
    assert DispatchRun.objects.get().status == DispatchRun.Status.FAILED


@pytest.mark.parametrize("how", WAYS_WITH_ONE)
def test_by_policy_a_run_is_adapted_with_the_straight_line(day, settings, monkeypatch, how):
    settings.ROADS_FALLBACK = True
    meanwhile(monkeypatch, lambda: moved(day, how))
    report = dispatch()
    assert (report.assigned, report.metrics["driving"]["by"]) == (12, "mixed")
    assert Assignment.objects.count() == 12


@pytest.mark.parametrize("how", ["500", "hang"])
def test_a_server_that_fails_after_the_load_is_not_missed(day, monkeypatch, how):
    asked = []

    def fail():
        day.fails = lambda number: how
        asked.append(day.requests)

    meanwhile(monkeypatch, fail)
    report = dispatch()
    assert (report.assigned, report.metrics["driving"]) == (12, {"by": "roads"})
    assert asked == [day.requests]


@pytest.mark.parametrize("how", WAYS_WITH_ONE)
def test_a_day_that_is_known_but_for_one_place_is_refused_whole(day, how):
    dispatch()
    stood = sorted(Assignment.objects.values_list("booking_id", "driver_id", "planned_pickup_at"))
    late = make.booking(clock="15:00", pickup_lat=46.29)
    asked = day.requests
    day.fails = lambda number: how if number > asked + 1 else None  # it is there, and then fails
    refused(dispatch, how)
    rows = Assignment.objects.values_list("booking_id", "driver_id", "planned_pickup_at")
    assert sorted(rows) == stood
    late.refresh_from_db()
    assert late.status == "accepted"


@pytest.mark.parametrize("how", ["cut", "500", "html"])
def test_no_plan_is_undone_by_halves(day, how):
    report = dispatch()
    day.fails = lambda number: how
    run = DispatchRun.objects.get(id=report.run)
    refused(lambda: revert_run(run, now=make.NOW, actor=ACTOR), how)
    assert Assignment.objects.filter(is_open=True).count() == 12
    assert DispatchRun.objects.get() == run


def test_by_policy_the_last_known_legs_stand_for_a_server_that_is_down(day, settings):
    settings.ROADS_FALLBACK = True
    dispatch()
    day.fails = lambda number: "500"
    report = dispatch()
    said = report.metrics["driving"]
    assert said["by"] == "last_known"
    assert "as they were last known. The road server 127.0.0.1:" in report.summary()
    assert DispatchRun.objects.latest("id").metrics["driving"] == said


def test_a_preview_is_not_claimed_either_when_the_server_is_gone(day):
    company = make.Company.objects.get()
    preview = plan_preview(company, make.DAY, now=make.NOW, actor=ACTOR, options=OPTIONS)
    run = DispatchRun.objects.get(id=preview.run)
    day.fails = lambda number: "500"
    with pytest.raises(RoadsFailed):
        apply_preview(run, now=make.NOW, actor=ACTOR)
    run.refresh_from_db()
    assert run.status == DispatchRun.Status.PREVIEW
    nothing_is_written()
    day.fails = lambda number: None
    assert apply_preview(run, now=make.NOW, actor=ACTOR).assigned == 12


def test_places_off_the_road_and_not_connected_are_reasons(day, settings):
    settings.ROADS_WAIT_S = 30  # nobody hangs here, but machines may be busy
    island, meadow = make.booking(pickup_lat=46.5, pickup_lon=6.5), make.booking(dropoff_lat=46.4)
    day.islands = {(46.5, 6.5)}
    day.off_m = {(46.4, make.HOSPITAL[1]): 1_200}
    for _again in range(2):  # the second time by what is kept
        reasons = {row.booking: row for row in dispatch().unassigned}
        assert reasons[island.id].reason == "not_connected"
        assert reasons[island.id].detail == (
            "No road leads from the depot to the pickup (46.50000, 6.50000)."
        )
        assert reasons[meadow.id].reason == "off_road"
        assert reasons[meadow.id].detail == (
            "The dropoff (46.40000, 6.14870) is more than a kilometre from any road."
        )
        assert reasons[meadow.id].suggestion == "Correct the place on the booking."
        assert len(reasons) == 2


def test_every_door_to_a_trip_names_the_place_that_no_road_reaches(day, client):
    company, anna = make.Company.objects.get(), make.Driver.objects.first()
    client.force_login(make.member(company))
    day.islands = {(46.5, 6.5)}
    day.off_m = {(46.4, make.HOSPITAL[1]): 1_200}
    stored = {
        make.booking(company, pickup_lat=46.5, pickup_lon=6.5): "depot to the pickup (46.50000,",
        make.booking(company, dropoff_lat=46.4): "The dropoff (46.40000, 6.14870) is more than a",
    }
    api = caller(company=company)
    for trip, said in stored.items():
        asked = Booking(
            status="accepted", scheduled_time=trip.scheduled_time, passengers=1, wheelchairs=0,
            **{name: getattr(trip, name) for name in ENDS},
        )  # fmt: skip
        look = reverse("admin:board:look", args=[company.slug, trip.id])
        path = f"{API}bookings/{trip.id}/"
        shown = {
            "quote": str(quote(company, asked, now=make.NOW).why),
            "telephone": offer_times(company, asked, now=make.NOW).why,
            "advice": str(advise(company, trip.id, now=make.NOW).why),
            "dialog": client.get(look, {"driver": anna.id}).content.decode(),
            "assignment": api.post(f"{path}assign/", {"driver": anna.id}).content.decode(),
        }
        assert [door for door, text in shown.items() if said not in text] == []
    due = {"scheduled_time": None, "appointment_at": make.at("11:00", BOOKED).isoformat()}
    lost = booking_values("P-9", pickup_lat=46.5, pickup_lon=6.5, **due)
    booked = api.post(f"{API}bookings/", lost | {"far_meant": True}, "json")
    assert booked.status_code == 400
    assert "No way is known from “Avenue de Feuillasse 1, 1217 Meyrin” to" in booked.text


def test_the_board_says_where_its_kilometres_come_from(day, client):
    company = make.Company.objects.get()
    client.force_login(make.member(company))
    report = dispatch()
    page = reverse("admin:board:day", args=[company.slug, make.DAY])
    shown = read_board(company, make.DAY, now=make.NOW).figures
    assert (shown.by_road, shown.passenger_km) == (True, report.metrics["passenger_km"])
    assert "km with / without passengers, by road" in client.get(page).content.decode()
    run_page = reverse("admin:dispatch_dispatchrun_change", args=[report.run])
    assert "Driving times and distances by road." in client.get(run_page).content.decode()


def test_the_board_opens_when_the_server_hangs(day, client, settings, monkeypatch):
    monkeypatch.setattr("dispatch.day.travel_times.PAGE_S", 0.3)
    company = make.Company.objects.get()
    client.force_login(make.member(company))
    trip = make.booking(clock="15:00", pickup_lat=46.3)
    make.assignment(trip, make.Driver.objects.first())
    day.fails = lambda number: "hang"
    page = client.get(reverse("admin:board:day", args=[company.slug, make.DAY])).content.decode()
    assert "passengers, partly straight line" in page
    assert "did not answer within" in page
    asked = day.requests
    client.get(reverse("admin:board:day", args=[company.slug, make.DAY]))
    assert day.requests == asked


def test_without_a_map_pages_and_reports_say_straight_line(day, settings, client):
    settings.ROADS_URL = ""
    report = dispatch()
    assert report.metrics["driving"] == {"by": "straight_line"}
    assert "are straight lines: no road server is set." in report.summary()
    assert day.requests == 0


def test_by_hand_a_trip_is_assigned_although_the_server_is_down(day):
    day.fails = lambda number: "500"
    booking, driver = Booking.objects.order_by("id").first(), make.Driver.objects.first()
    assign(booking.company, booking.id, driver.id, now=make.NOW, actor=ACTOR)
    assert Assignment.objects.get().booking == booking
    assert _failed_at


@pytest.mark.parametrize(
    ("how", "said"), [(None, "roads"), ("500", "mixed"), ("no server", "straight_line")]
)
def test_a_quote_says_where_its_drives_come_from(day, settings, how, said):
    day.fails = lambda number: how
    if how == "no server":
        settings.ROADS_URL = ""
    advice = quote(make.Company.objects.get(), Booking.objects.first(), now=make.NOW)
    assert advice.candidates
    assert CandidatesSerializer(advice).data["driving"] == said
