"""A driver's day as the planner sees it, at every moment of it.

Times in the assertions are clock times of the day: "25:00" is one o'clock of the next one.
A ride from home to the hospital takes RIDE seconds; with 3 minutes of boarding and 2 of
alighting a trip keeps its driver for RIDE + 300 seconds.
"""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatch.day.keeping import Leeway
from dispatch.day.load import load_problem
from dispatch.planner.travel import GreatCircle
from drivers.models import Absence
from tests.support import builders as make
from tests.support.builders import DEPOT, HOME, HOSPITAL, at

pytestmark = pytest.mark.django_db

DAY = make.DAY
YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)
ELSEWHERE = (46.25, 6.20)


def load(*, now=make.NOW, day=DAY):
    return load_problem(make.Company.objects.get(), day, now=now, leeway=Leeway())


def duties(**options):
    return load(**options).problem.duties


def clock(text):
    hours, minutes = map(int, text.split(":"))
    return hours * 3600 + minutes * 60


def span(duty):
    return duty.start_s, duty.end_s


def spans(**options):
    return [span(duty) for duty in duties(**options)]


def absence(driver, start, end, day=DAY):
    return Absence.objects.create(driver=driver, start_at=at(start, day), end_at=at(end, day))


def ride_s():
    company = make.Company.objects.get()
    return GreatCircle(company.speed_kmh, company.circuity).leg(HOME, HOSPITAL)[0]


@pytest.fixture
def driver():
    return make.driver()


# Shifts and absences


def test_a_shift_is_a_duty_from_depot_to_depot(driver):
    make.shift(driver, "06:00", "18:00")
    (duty,) = duties()
    assert span(duty) == (clock("06:00"), clock("18:00"))
    assert (duty.start, duty.end) == (DEPOT, DEPOT)
    assert duty.break_ is None


def test_a_driver_with_a_home_starts_and_ends_there():
    make.shift(make.driver(home_lat=HOME[0], home_lon=HOME[1]))
    (duty,) = duties()
    assert (duty.start, duty.end) == (HOME, HOME)


def test_a_split_shift_is_two_duties_of_one_driver(driver):
    morning = make.shift(driver, "06:00", "10:00")
    evening = make.shift(driver, "15:00", "19:00")
    day = load()
    assert [span(duty) for duty in day.problem.duties] == [
        (clock("06:00"), clock("10:00")),
        (clock("15:00"), clock("19:00")),
    ]
    assert len(day.problem.drivers) == 1
    assert list(day.shift_of.values()) == [morning.id, evening.id]


def test_an_absence_in_the_middle_cuts_a_duty_in_two(driver):
    shift = make.shift(driver, "06:00", "18:00")
    absence(driver, "10:00", "12:00")
    day = load()
    assert [span(duty) for duty in day.problem.duties] == [
        (clock("06:00"), clock("10:00")),
        (clock("12:00"), clock("18:00")),
    ]
    assert set(day.shift_of.values()) == {shift.id}


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        ("05:00", "08:00", ("08:00", "18:00")),
        ("16:00", "20:00", ("06:00", "16:00")),
        ("18:00", "20:00", ("06:00", "18:00")),  # periods are half-open: they only touch
        ("04:00", "06:00", ("06:00", "18:00")),
    ],
)
def test_an_absence_at_an_end_shortens_the_duty(driver, start, end, left):
    make.shift(driver, "06:00", "18:00")
    absence(driver, start, end)
    assert spans() == [(clock(left[0]), clock(left[1]))]


def test_an_absence_that_covers_the_shift_leaves_no_duty(driver):
    make.shift(driver, "06:00", "18:00")
    absence(driver, "00:00", "24:00")
    assert spans() == []


def test_overlapping_absences_count_once(driver):
    make.shift(driver, "06:00", "18:00")
    absence(driver, "08:00", "14:00")
    absence(driver, "09:00", "10:00")
    absence(driver, "13:00", "15:00")
    assert spans() == [(clock("06:00"), clock("08:00")), (clock("15:00"), clock("18:00"))]


def test_shifts_and_absences_do_not_multiply(driver):
    make.shift(driver, "06:00", "10:00")
    make.shift(driver, "12:00", "18:00")
    absence(driver, "07:00", "08:00")
    absence(driver, "13:00", "14:00")
    assert len(spans()) == 4


# Midnight


def test_a_night_shift_is_seen_from_both_its_days(driver):
    make.shift(driver, "22:00", "30:00")
    assert spans() == [(clock("22:00"), clock("30:00"))]
    assert spans(day=TOMORROW) == [(-2 * 3600, clock("06:00"))]
    assert spans(day=YESTERDAY, now=at("00:00", YESTERDAY)) == []


def test_a_shift_that_ends_at_midnight_is_not_of_the_next_day(driver):
    make.shift(driver, "16:00", "24:00")
    assert spans(day=TOMORROW) == []


def test_an_absence_of_tomorrow_cuts_the_part_of_a_night_shift_that_lies_there(driver):
    make.shift(driver, "22:00", "30:00")
    absence(driver, "26:00", "30:00")
    assert spans() == [(clock("22:00"), clock("26:00"))]


# Clock changes


def test_a_duty_of_the_short_day_is_an_hour_shorter_across_the_change(driver):
    spring = date(2026, 3, 29)  # 02:00 becomes 03:00
    make.shift(driver, "00:00", "06:00", day=spring)
    now = at("12:00", spring - timedelta(days=1))
    assert spans(day=spring, now=now) == [(0, 5 * 3600)]


def test_a_duty_of_the_long_day_is_an_hour_longer_across_the_change(driver):
    autumn = date(2026, 10, 25)  # 03:00 becomes 02:00
    make.shift(driver, "00:00", "06:00", day=autumn)
    now = at("12:00", autumn - timedelta(days=1))
    assert spans(day=autumn, now=now) == [(0, 7 * 3600)]


@pytest.mark.parametrize(("change", "length_h"), [((2026, 3, 29), 7), ((2026, 10, 25), 9)])
def test_a_night_shift_into_a_clock_change_has_its_true_length_from_both_days(
    driver, change, length_h
):
    sunday = date(*change)
    saturday = sunday - timedelta(days=1)
    # Saturday 22:00 to Sunday 06:00: eight hours by the clock, one more or less in truth.
    make.shift(driver, start_at=at("22:00", saturday), end_at=at("06:00", sunday))
    now = at("12:00", saturday)
    ((start_s, end_s),) = spans(day=saturday, now=now)
    assert (start_s, end_s - start_s) == (clock("22:00"), length_h * 3600)
    ((start_s, end_s),) = spans(day=sunday, now=now)
    assert (start_s, end_s - start_s) == (-2 * 3600, length_h * 3600)


def test_trips_after_a_clock_change_are_an_hour_nearer_to_midnight(driver):
    spring = date(2026, 3, 29)
    booking = make.booking(clock="09:00", day=spring)
    day = load(day=spring, now=at("12:00", spring - timedelta(days=1)))
    assert day.problem.trips[0].wanted_s == 8 * 3600
    assert day.moment(8 * 3600) == booking.scheduled_time


def test_another_timezone_has_its_own_clock_change():
    new_york = ZoneInfo("America/New_York")
    make.company(timezone="America/New_York")
    spring = date(2026, 3, 8)  # 02:00 becomes 03:00
    driver = make.driver()
    make.shift(
        driver,
        start_at=at("00:00", spring, new_york),
        end_at=at("06:00", spring, new_york),
    )
    now = at("12:00", spring - timedelta(days=1), new_york)
    day = load(day=spring, now=now)
    assert [span(duty) for duty in day.problem.duties] == [(0, 5 * 3600)]
    assert day.end_at - day.start_at == timedelta(hours=23)
    assert day.start_at == at("05:00", spring, ZoneInfo("UTC"))


# Breaks


def test_a_break_lies_inside_its_window(driver):
    make.shift(driver, break_min=30, break_from_at=at("11:00"), break_until_at=at("14:00"))
    rest = duties()[0].break_
    assert (rest.length_s, rest.earliest_s, rest.latest_s) == (
        1800,
        clock("11:00"),
        clock("14:00"),
    )


def test_a_planned_break_far_ahead_may_still_move(driver):
    make.shift(driver, break_min=30, break_at=at("12:00"))
    rest = duties(now=at("08:00"))[0].break_
    assert (rest.earliest_s, rest.latest_s) == (clock("08:00"), clock("18:00"))


def test_a_break_that_begins_within_the_freeze_stays(driver):
    make.shift(driver, break_min=30, break_at=at("12:00"))
    rest = duties(now=at("11:31"))[0].break_
    assert (rest.earliest_s, rest.latest_s) == (clock("12:00"), clock("12:30"))


def test_a_driver_on_break_is_free_when_it_ends(driver):
    make.shift(driver, break_min=30, break_at=at("12:00"))
    (duty,) = duties(now=at("12:10"))
    assert duty.break_ is None
    assert duty.start_s == clock("12:30")


def test_a_break_that_is_over_was_taken(driver):
    make.shift(driver, break_min=30, break_at=at("12:00"))
    (duty,) = duties(now=at("12:30"))
    assert duty.break_ is None
    assert duty.start_s == clock("12:30")
    assert duties(now=at("15:00"))[0].start_s == clock("15:00")


def test_a_window_that_has_begun_is_cut_at_now(driver):
    make.shift(driver, break_min=30, break_from_at=at("11:00"), break_until_at=at("14:00"))
    rest = duties(now=at("13:00"))[0].break_
    assert (rest.earliest_s, rest.latest_s) == (clock("13:00"), clock("14:00"))
    assert duties(now=at("13:30"))[0].break_.earliest_s == clock("13:30")


def test_a_window_without_room_leaves_no_break(driver):
    make.shift(driver, break_min=30, break_from_at=at("11:00"), break_until_at=at("14:00"))
    assert duties(now=at("13:31"))[0].break_ is None


def test_an_absence_inside_the_window_counts_as_the_break(driver):
    make.shift(driver, break_min=30, break_from_at=at("11:00"), break_until_at=at("14:00"))
    absence(driver, "12:00", "12:30")
    assert [duty.break_ for duty in duties()] == [None, None]


def test_an_absence_too_short_for_the_break_does_not_count(driver):
    make.shift(driver, break_min=30, break_from_at=at("11:00"), break_until_at=at("14:00"))
    absence(driver, "12:00", "12:29")
    first, second = duties()
    assert (first.break_.earliest_s, first.break_.latest_s) == (clock("11:00"), clock("12:00"))
    assert second.break_ is None


def test_a_break_goes_into_the_first_part_that_has_room(driver):
    make.shift(driver, break_min=30, break_from_at=at("11:00"), break_until_at=at("14:00"))
    absence(driver, "11:20", "11:45")  # 20 minutes before it, none of 30
    first, second = duties()
    assert first.break_ is None
    assert (second.break_.earliest_s, second.break_.latest_s) == (clock("11:45"), clock("14:00"))


def test_an_absence_that_eats_the_window_leaves_no_break(driver):
    make.shift(driver, break_min=30, break_from_at=at("11:00"), break_until_at=at("14:00"))
    absence(driver, "10:00", "14:00")
    assert [duty.break_ for duty in duties()] == [None, None]


def test_a_driver_who_is_late_for_a_frozen_break_has_it_later(driver):
    make.shift(driver, break_min=30, break_at=at("12:00"))
    make.assignment(make.booking(clock="11:50"), driver, status="en_route")
    (duty,) = duties(now=at("11:55"))
    # En route at 11:55: free after boarding, the ride and alighting; at 12:00 it would be over.
    assert duty.start_s == clock("11:55") + 300 + ride_s()
    assert duty.break_.earliest_s == duty.start_s
    assert duty.break_.latest_s == clock("18:00")


# In the middle of a duty: when and where


def test_a_duty_that_is_over_is_gone(driver):
    make.shift(driver, "06:00", "10:00")
    assert spans(now=at("10:00")) == []
    assert spans(now=at("09:59")) == [(clock("09:59"), clock("10:00"))]


def test_without_any_sign_a_driver_is_where_the_duty_starts(driver):
    make.shift(driver)
    (duty,) = duties(now=at("08:00"))
    assert (duty.start_s, duty.start, duty.end) == (clock("08:00"), DEPOT, DEPOT)


def test_a_driver_is_where_the_last_trip_ended(driver):
    make.shift(driver)
    make.assignment(
        make.booking(clock="07:00"), driver, status="completed", actual_dropoff_at=at("07:25")
    )
    (duty,) = duties(now=at("08:00"))
    assert (duty.start_s, duty.start) == (clock("08:00"), HOSPITAL)


def test_of_two_trips_the_later_one_counts(driver):
    make.shift(driver)
    make.assignment(
        make.booking(clock="07:00", dropoff_lat=ELSEWHERE[0], dropoff_lon=ELSEWHERE[1]),
        driver,
        status="completed",
        actual_dropoff_at=at("07:50"),
    )
    make.assignment(
        make.booking(clock="07:20"), driver, status="completed", actual_dropoff_at=at("07:40")
    )
    assert duties(now=at("08:00"))[0].start == ELSEWHERE


def test_a_trip_completed_before_its_planned_end_holds_nobody(driver):
    make.shift(driver)
    make.assignment(make.booking(clock="07:55"), driver, minutes=40, status="completed")
    (duty,) = duties(now=at("08:00"))
    assert (duty.start_s, duty.start) == (clock("08:00"), HOSPITAL)


def test_after_a_no_show_the_driver_is_at_the_pickup(driver):
    make.shift(driver)
    make.assignment(make.booking(clock="07:55"), driver, status="no_show")
    (duty,) = duties(now=at("08:00"))
    assert (duty.start_s, duty.start) == (clock("08:00"), HOME)


def test_a_trip_of_an_earlier_shift_says_nothing(driver):
    make.shift(driver, "06:00", "08:00")
    make.shift(driver, "12:00", "18:00")
    make.assignment(
        make.booking(clock="07:00"), driver, status="completed", actual_dropoff_at=at("07:25")
    )
    (duty,) = duties(now=at("13:00"))
    assert (duty.start_s, duty.start) == (clock("13:00"), DEPOT)


def test_a_driver_with_somebody_on_board_is_free_after_the_rest_of_the_ride(driver):
    make.shift(driver)
    make.assignment(
        make.booking(clock="08:00"), driver, status="in_progress", actual_pickup_at=at("08:05")
    )
    (duty,) = duties(now=at("08:10"))
    assert (duty.start_s, duty.start) == (clock("08:05") + 300 + ride_s(), HOSPITAL)


def test_a_driver_who_should_have_arrived_needs_at_least_the_alighting(driver):
    make.shift(driver)
    make.assignment(
        make.booking(clock="08:00"), driver, status="in_progress", actual_pickup_at=at("08:00")
    )
    (duty,) = duties(now=at("09:00"))
    assert duty.start_s == clock("09:02")


def test_a_driver_on_the_way_boards_as_planned_or_now(driver):
    make.shift(driver)
    make.assignment(make.booking(clock="08:00"), driver, status="en_route")
    assert duties(now=at("07:50"))[0].start_s == clock("08:00") + 300 + ride_s()
    assert duties(now=at("08:10"))[0].start_s == clock("08:10") + 300 + ride_s()


def test_a_trip_that_runs_ahead_of_its_plan_keeps_what_the_database_keeps_free(driver):
    # The database lets nobody book the driver before the planned dropoff at 08:40.
    make.shift(driver)
    make.assignment(
        make.booking(clock="08:00"),
        driver,
        minutes=40,
        status="in_progress",
        actual_pickup_at=at("07:50"),
    )
    assert duties(now=at("08:10"))[0].start_s == clock("08:40")


def test_a_driver_who_started_before_the_shift_is_busy_when_it_begins(driver):
    make.shift(driver, "09:00", "18:00")
    make.assignment(make.booking(clock="08:55"), driver, status="en_route")
    (duty,) = duties(now=at("08:50"))
    assert (duty.start_s, duty.start) == (clock("08:55") + 300 + ride_s(), HOSPITAL)


def test_a_fresh_position_is_where_the_driver_is(driver):
    make.shift(driver)
    driver.last_lat, driver.last_lon = ELSEWHERE
    driver.last_position_at = at("07:45")
    driver.save()
    assert duties(now=at("08:00"))[0].start == ELSEWHERE
    assert duties(now=at("08:15"))[0].start == ELSEWHERE  # 30 minutes old
    assert duties(now=at("08:16"))[0].start == DEPOT
    assert duties(now=at("07:30"))[0].start == DEPOT  # not yet seen there


def test_a_position_from_before_the_last_dropoff_is_forgotten(driver):
    make.shift(driver)
    driver.last_lat, driver.last_lon = ELSEWHERE
    driver.last_position_at = at("07:45")
    driver.save()
    make.assignment(
        make.booking(clock="07:00"), driver, status="completed", actual_dropoff_at=at("07:50")
    )
    assert duties(now=at("08:00"))[0].start == HOSPITAL


def test_a_position_from_before_the_shift_says_nothing(driver):
    make.shift(driver, "08:00", "18:00")
    driver.last_lat, driver.last_lon = ELSEWHERE
    driver.last_position_at = at("07:59")
    driver.save()
    assert duties(now=at("08:05"))[0].start == DEPOT


def test_a_driver_who_overruns_the_shift_has_an_empty_duty_not_a_negative_one(driver):
    make.shift(driver, "06:00", "10:00")
    make.assignment(make.booking(clock="09:55"), driver, status="en_route")
    (duty,) = duties(now=at("09:59"))
    assert duty.start_s == duty.end_s == clock("09:59") + 300 + ride_s()


# Commitments


def test_commitments_are_in_the_duty_of_their_time(driver):
    make.shift(driver, "06:00", "10:00")
    make.shift(driver, "12:00", "18:00")
    late = make.booking(clock="14:00")
    early = make.booking(clock="07:00")
    for booking in (late, early):
        make.assignment(booking, driver, locked=True)
    first, second = duties()
    assert [c.trip_id for c in first.commitments] == [early.id]
    assert [c.trip_id for c in second.commitments] == [late.id]


def test_commitments_are_in_order_of_their_pickup(driver):
    make.shift(driver)
    late, early = make.booking(clock="14:00"), make.booking(clock="07:00")
    for booking in (late, early):
        make.assignment(booking, driver, locked=True)
    assert [c.trip_id for c in duties()[0].commitments] == [early.id, late.id]


def test_a_commitment_lasts_for_boarding_ride_and_alighting(driver):
    make.shift(driver)
    make.assignment(make.booking(clock="09:00"), driver, minutes=5, locked=True)
    (commitment,) = duties()[0].commitments
    assert commitment.pickup_s == clock("09:00")
    assert commitment.free_s == clock("09:00") + 300 + ride_s()
    assert (commitment.pickup, commitment.dropoff) == (HOME, HOSPITAL)


def test_a_commitment_lasts_until_its_planned_dropoff_if_that_is_later(driver):
    make.shift(driver)
    make.assignment(make.booking(clock="09:00"), driver, minutes=90, locked=True)
    assert duties()[0].commitments[0].free_s == clock("10:30")


def test_a_locked_trip_that_is_late_starts_now_at_the_earliest(driver):
    make.shift(driver)
    make.assignment(make.booking(clock="09:00"), driver, locked=True)
    (duty,) = duties(now=at("09:10"))
    # From the depot, where the driver is at 09:10, to the pickup at home.
    company = make.Company.objects.get()
    drive_s = load(now=at("09:10")).problem.travel.leg(DEPOT, HOME)[0]
    assert company.boarding_min + company.alighting_min == 5
    (commitment,) = duty.commitments
    assert commitment.pickup_s == clock("09:10") + drive_s
    assert commitment.free_s == commitment.pickup_s + 300 + ride_s()


def test_a_driver_who_is_late_does_the_frozen_trips_late_one_after_the_other(driver):
    make.shift(driver)
    make.assignment(
        make.booking(clock="08:00"), driver, status="in_progress", actual_pickup_at=at("08:30")
    )
    first, second = make.booking(clock="08:35"), make.booking(clock="14:00")
    make.assignment(first, driver, locked=True)
    make.assignment(second, driver, locked=True)
    day = load(now=at("08:31"))
    (duty,) = day.problem.duties
    back_s = day.problem.travel.leg(HOSPITAL, HOME)[0]
    assert duty.start_s == clock("08:30") + 300 + ride_s()
    assert [(c.trip_id, c.pickup_s) for c in duty.commitments] == [
        (first.id, duty.start_s + back_s),
        (second.id, clock("14:00")),
    ]


@pytest.mark.parametrize("shifts", [["06:00", "10:00"], ["10:00", "06:00"]])
def test_a_commitment_that_outlasts_its_duty_delays_the_next_one(driver, shifts):
    """In whatever order the shifts were entered."""
    for start in shifts:
        make.shift(driver, start, "10:00" if start == "06:00" else "14:00")
    make.assignment(make.booking(clock="09:50"), driver, minutes=40, locked=True)
    first, second = duties()
    assert [c.pickup_s for c in first.commitments] == [clock("09:50")]
    assert second.commitments == ()
    assert span(first) == (clock("06:00"), clock("10:00"))
    assert span(second) == (clock("10:30"), clock("14:00"))
    assert second.start == HOSPITAL


def test_a_locked_trip_outside_every_shift_hurts_nobody(driver):
    make.shift(driver, "06:00", "10:00")
    make.assignment(make.booking(clock="20:00"), driver, locked=True)
    (duty,) = duties()
    assert duty.commitments == ()
