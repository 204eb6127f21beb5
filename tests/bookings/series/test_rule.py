"""Dates and moments of a rhythm, held against python-dateutil where that says the same."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import MO, WEEKLY, rrule
from hypothesis import given
from hypothesis import strategies as st

from bookings.series.rule import Break, Rhythm, moments, without

ZURICH = ZoneInfo("Europe/Zurich")
DAYS = st.dates(date(2020, 1, 1), date(2032, 12, 31))
WEEKDAYS = st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days)))


def oracle(rhythm, first, last):
    end = rhythm.last_day and datetime.combine(rhythm.last_day, time())
    dates = rrule(
        WEEKLY, interval=rhythm.every_weeks, byweekday=rhythm.weekdays, wkst=MO,
        dtstart=datetime.combine(rhythm.first_day, time()), until=end, count=rhythm.count,
    )  # fmt: skip
    found = dates.between(datetime.combine(first, time()), datetime.combine(last, time()), inc=True)
    return [at.date() for at in found]


@given(
    WEEKDAYS, st.integers(1, 6), DAYS, st.none() | st.integers(-5, 400),
    st.none() | st.integers(1, 90), st.integers(-40, 500), st.integers(0, 400),
)  # fmt: skip
def test_dates_are_those_of_rfc_5545(weekdays, weeks, first_day, lasts, count, start, length):
    last_day = first_day + timedelta(days=lasts) if lasts is not None and count is None else None
    rhythm = Rhythm(weekdays, weeks, first_day, last_day, count)
    first = first_day + timedelta(days=start)
    last = first + timedelta(days=length)
    assert rhythm.days(first, last) == oracle(rhythm, first, last)


@given(WEEKDAYS, st.integers(1, 6), DAYS, st.integers(1, 60))
def test_the_end_of_a_count_is_its_last_date(weekdays, weeks, first_day, count):
    rhythm = Rhythm(weekdays, weeks, first_day, count=count)
    end = rhythm.end()
    assert rhythm.has(end)
    assert rhythm.before(end) == count - 1


def test_every_other_week_goes_on_over_a_week_53():
    # 2026 has 53 weeks: odd and even numbers would give two weeks in a row.
    rhythm = Rhythm((0,), 2, date(2026, 12, 14))
    days = rhythm.days(date(2026, 12, 1), date(2027, 1, 31))
    assert days == [date(2026, 12, 14), date(2026, 12, 28), date(2027, 1, 11), date(2027, 1, 25)]
    assert days[1].isocalendar().week == 53


def test_the_29th_of_february_is_a_day_like_others():
    rhythm = Rhythm((1,), 1, date(2028, 2, 29), date(2028, 3, 7))  # a Tuesday
    assert rhythm.days(date(2028, 1, 1), date(2029, 1, 1)) == [date(2028, 2, 29), date(2028, 3, 7)]


def test_the_week_of_the_first_day_counts_though_it_is_not_whole():
    rhythm = Rhythm((0, 4), 2, date(2026, 6, 17))  # a Wednesday
    days = rhythm.days(date(2026, 6, 1), date(2026, 7, 6))
    assert days == [date(2026, 6, 19), date(2026, 6, 29), date(2026, 7, 3)]


def test_breaks_have_both_their_days_or_no_end():
    days = [date(2026, 6, day) for day in range(1, 8)]
    assert without(days, [Break(days[1], days[2]), Break(days[5], None)]) == [
        days[0], days[3], days[4],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("weekdays", "weeks", "last_day", "count"),
    [((), 1, None, None), ((7,), 1, None, None), ((1, 0), 1, None, None), ((0, 0), 1, None, None),
     ((0,), 0, None, None), ((0,), 1, None, 0), ((0,), 1, date(2026, 7, 1), 3)],
)  # fmt: skip
def test_nonsense_is_refused(weekdays, weeks, last_day, count):
    with pytest.raises(ValueError, match="must be|not both"):
        Rhythm(weekdays, weeks, date(2026, 6, 17), last_day, count)


def utc(*numbers):
    return datetime(*numbers, tzinfo=UTC)


def test_local_time_stays_local_over_the_change_of_clocks():
    assert moments(date(2026, 10, 24), [time(8)], ZURICH) == [utc(2026, 10, 24, 6)]
    assert moments(date(2026, 10, 26), [time(8)], ZURICH) == [utc(2026, 10, 26, 7)]


def test_a_skipped_time_is_an_hour_later_and_of_two_the_first_counts():
    # 2026-03-29: 02:00 becomes 03:00. 2026-10-25: 03:00 becomes 02:00.
    assert moments(date(2026, 3, 29), [time(2, 30)], ZURICH) == [utc(2026, 3, 29, 1, 30)]  # 03:30
    assert moments(date(2026, 10, 25), [time(2, 30)], ZURICH) == [utc(2026, 10, 25, 0, 30)]  # CEST


def test_a_skipped_time_does_not_come_after_the_next_one():
    # 02:50 becomes 03:50, which is after 03:10: that keeps its 20 minutes, 04:10.
    found = moments(date(2026, 3, 29), [time(2, 50), time(3, 10), time(8)], ZURICH)
    assert found == [utc(2026, 3, 29, 1, 50), utc(2026, 3, 29, 2, 10), utc(2026, 3, 29, 6)]


@given(DAYS, st.lists(st.times(), unique=True, min_size=3, max_size=3).map(sorted))
def test_moments_are_in_the_order_of_their_times(day, clocks):
    found = moments(day, clocks, ZURICH)
    assert found == sorted(set(found))
