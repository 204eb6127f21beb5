"""A clock time says which of two it is in the night that is an hour longer."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import translation

from drivers.models import Company
from drivers.times import clock_of

AUTUMN, SPRING = date(2026, 10, 25), date(2026, 3, 29)  # 03:00 becomes 02:00; 02:00 becomes 03:00


def clocks(day, zone="Europe/Zurich", step=timedelta(minutes=30)):
    """Return the clock times of a day, one every half hour."""
    company = Company(timezone=zone)
    at, end_at = company.day_bounds(day)
    found = []
    while at < end_at:
        found.append(company.clock(at))
        at += step
    return found


def test_the_repeated_hour_names_its_zone_and_no_other_does():
    night = clocks(AUTUMN)[2:10]
    assert night == [
        *("01:00", "01:30"),
        *("02:00 CEST", "02:30 CEST", "02:00 CET", "02:30 CET"),
        *("03:00", "03:30"),
    ]
    for day in (AUTUMN, SPRING, date(2026, 6, 17)):
        assert len(set(clocks(day))) == len(clocks(day))
    assert not [text for text in clocks(SPRING) + clocks(date(2026, 6, 17)) if " " in text]


@pytest.mark.parametrize(
    ("zone", "day", "repeated"),
    [
        ("America/New_York", date(2026, 11, 1), "01:30 EST"),
        ("Atlantic/Azores", date(2026, 10, 25), "00:30 -01"),  # 01:00 becomes 00:00
        ("Australia/Lord_Howe", date(2026, 4, 5), "01:30 +1030"),  # half an hour
    ],
)
def test_every_zone_tells_its_two_times_apart(zone, day, repeated):
    assert repeated in clocks(day, zone)
    assert len(set(clocks(day, zone))) == len(clocks(day, zone))


def test_the_date_is_said_where_it_is_not_that_of_the_day():
    company = Company(timezone="Europe/Zurich")
    at = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert company.clock(at, AUTUMN) == "02:10 CET"
    assert company.clock(at, date(2026, 10, 24)) == "02:10 CET (25 October)"
    with translation.override("fr"):
        assert company.clock(at, date(2026, 10, 24)) == "02:10 CET (25 octobre)"
    assert company.day_and_clock(at - timedelta(hours=1)) == "2026-10-25 02:10 CEST"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *((text, time(9, 30)) for text in (
            "930", "0930", "9h30", "09h30", "9H30", "9 h 30", "9:30", "09:30", "9.30", " 9:30 ",
            "9:30 am", "9:30:00",
        )),
        *((text, time(9)) for text in ("9h", "09h", "9 h", "900", "9:00 a.m.")),
        *((text, time(21, 5)) for text in ("21h05", "2105", "9:05 pm", "9.05 p.m.")),
        ("12:10 am", time(0, 10)), ("12:10 pm", time(12, 10)), ("0000", time(0)),
        ("23:59:59", time(23, 59, 59)),
    ],
)  # fmt: skip
def test_a_clock_time_is_read_as_people_type_it(typed, meant):
    assert clock_of(typed) == meant


@pytest.mark.parametrize(
    "typed", ["", "9", "30", "half nine", "9:3", "9:300", "93000", "9-30", "-9:30", "9:30Z", "٩:٣٠"]
)
def test_what_is_no_clock_time_is_told_with_an_example(typed):
    with pytest.raises(ValueError, match="^Enter a time, such as 08:30, 8h30 or 830.$"):
        clock_of(typed)


@pytest.mark.parametrize("typed", ["24:00", "2460", "9:60", "960", "25h", "13:00 pm", "0:30 am"])
def test_a_time_that_no_clock_shows_is_refused(typed):
    with pytest.raises(ValueError, match="^There is no such time"):
        clock_of(typed)
