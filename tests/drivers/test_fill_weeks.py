"""Shifts of coming weeks, from templates and from other weeks."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from drivers.fleet.fill_weeks import WeeksRefused, copy_week, fill_weeks, monday_of
from drivers.models import Shift, ShiftTemplate, Weekday
from tests.support import builders as make

MONDAY = date(2026, 6, 22)
pytestmark = pytest.mark.django_db


def template(driver, weekday=Weekday.MONDAY, start="06:00", end="14:00", **fields):
    return ShiftTemplate.objects.create(
        driver=driver,
        weekday=weekday,
        start=time.fromisoformat(start),
        end=time.fromisoformat(end),
        **fields,
    )


def fill(driver, week=MONDAY, weeks=1, **options):
    return fill_weeks(driver.company, [driver.id], week, weeks, **{"now": make.NOW} | options)


def periods(company):
    return [
        tuple(f"{company.local(moment):%d %H:%M}" for moment in row)
        for row in Shift.objects.order_by("start_at").values_list("start_at", "end_at")
    ]


def test_every_week_gets_the_shifts_of_the_template():
    driver = make.driver()
    template(driver)
    template(driver, Weekday.FRIDAY, "22:00", "06:00")
    filled = fill(driver, MONDAY + timedelta(days=3), weeks=2)
    assert filled.summary() == "4 shifts created, 0 already there, 0 skipped."
    assert periods(driver.company) == [
        ("22 06:00", "22 14:00"),
        ("26 22:00", "27 06:00"),
        ("29 06:00", "29 14:00"),
        ("03 22:00", "04 06:00"),
    ]


def test_to_fill_twice_makes_no_shift_twice():
    driver = make.driver()
    template(driver)
    fill(driver)
    again = fill(driver)
    assert (len(again.created), again.already, Shift.objects.count()) == (0, 1, 1)


def test_a_dry_run_writes_nothing_and_says_the_same():
    driver = make.driver()
    template(driver)
    assert fill(driver, dry_run=True).summary() == (
        "1 shift would be created, 0 already there, 0 skipped."
    )
    assert not Shift.objects.exists()


def test_what_overlaps_or_is_past_is_left_out_and_told():
    driver = make.driver(name="Anna")
    template(driver)
    make.shift(driver, "13:00", "18:00", day=MONDAY)
    assert [(row.driver, row.why) for row in fill(driver).left_out] == [
        ("Anna", "it overlaps another shift")
    ]
    late = datetime(2026, 6, 22, 12, tzinfo=UTC)
    assert fill(make_template(make.driver()), now=late).left_out[0].why == "it is in the past"


def make_template(driver):
    template(driver)
    return driver


@pytest.mark.parametrize(
    ("week", "hours", "utc"),
    [  # the clocks of Zurich go forward on 2026-03-29 at 2:00, and back on 2026-10-25 at 3:00
        (date(2026, 3, 23), 7, "20:00"),
        (date(2026, 10, 19), 9, "19:00"),
    ],
)
def test_clock_times_stay_when_the_clocks_change(week, hours, utc):
    driver = make.driver()
    template(driver, Weekday.SATURDAY, "21:00", "05:00")
    (shift,) = fill(driver, week, now=datetime(2026, 1, 1, tzinfo=UTC)).created
    assert shift.end_at - shift.start_at == timedelta(hours=hours)
    assert f"{shift.start_at:%H:%M}" == utc


def test_a_shift_in_the_hour_that_does_not_exist_is_told():
    driver = make.driver()
    template(driver, Weekday.SUNDAY, "02:15", "03:00")
    filled = fill(driver, date(2026, 3, 23), now=datetime(2026, 1, 1, tzinfo=UTC))
    assert [row.why for row in filled.left_out] == [
        "its hours are skipped when the clocks go forward"
    ]


def test_a_shift_that_does_not_end_before_the_year_2100_is_told():
    driver = make.driver()
    template(driver, Weekday.THURSDAY, "22:00", "06:00")
    filled = fill(driver, date(2099, 12, 31))
    why = "it does not end before the year 2100"
    assert [(row.driver, row.why) for row in filled.left_out] == [(driver.name, why)]


def test_a_break_lies_in_the_shift_unless_the_template_says_where():
    driver = make.driver()
    template(driver, break_min=30)
    template(
        driver,
        Weekday.TUESDAY,
        "20:00",
        "04:00",
        break_min=30,
        break_from=time(23),
        break_until=time(1),
    )
    first, second = fill(driver).created
    assert (first.break_from_at, first.break_until_at) == (first.start_at, first.end_at)
    assert second.break_from_at - second.start_at == timedelta(hours=3)
    assert second.break_until_at - second.break_from_at == timedelta(hours=2)


def test_a_week_is_copied_to_others_in_clock_times():
    driver = make.driver()
    make.shift(driver, "06:00", "14:00", day=date(2026, 10, 21), break_min=30)
    copied = copy_week(
        driver.company,
        [driver.id],
        date(2026, 10, 21),
        date(2026, 10, 26),
        2,
        now=make.NOW,
    )
    assert [f"{row.start_at:%d %H:%M}" for row in copied.created] == ["28 05:00", "04 05:00"]
    assert copied.created[0].break_until_at == copied.created[0].end_at


def test_a_week_is_not_copied_onto_itself():
    driver = make.driver()
    with pytest.raises(WeeksRefused, match="onto itself"):
        copy_week(driver.company, [driver.id], MONDAY, MONDAY, 1, now=make.NOW)
    with pytest.raises(WeeksRefused, match="from 1 to 26"):
        fill(driver, weeks=27)


def test_drivers_of_others_and_inactive_ones_get_nothing():
    other, gone = make.driver(make.company("other")), make.driver(is_active=False)
    template(other)
    template(gone)
    filled = fill_weeks(gone.company, [other.id, gone.id], MONDAY, 1, now=make.NOW)
    assert filled.created == ()


@pytest.mark.parametrize("drivers", [1, 6])
def test_four_statements_at_any_size(drivers, django_assert_num_queries):
    rows = [make.driver() for _ in range(drivers)]
    for driver in rows:
        for weekday in Weekday:
            template(driver, weekday)
    with django_assert_num_queries(4 + 2):  # BEGIN is none here: SAVEPOINT and its release
        fill_weeks(rows[0].company, [d.id for d in rows], MONDAY, 1, now=make.NOW)
    assert Shift.objects.count() == drivers * 7


def test_a_week_begins_on_monday():
    assert monday_of(date(2026, 6, 28)) == MONDAY


def test_a_break_longer_than_its_window_makes_no_shift():
    driver = make.driver()
    window = {"break_from": time(10), "break_until": time(10, 15)}
    template(driver, break_min=120, **window)
    filled = fill(driver)
    assert not Shift.objects.exists()
    assert "longer" in str(filled.left_out[0])
