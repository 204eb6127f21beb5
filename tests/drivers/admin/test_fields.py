"""Moments of the night when the clocks change can be written, kept and changed in a form."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking
from drivers.admin.fields import DayField, MomentField
from drivers.models import Absence, Shift
from tests.support import builders as make
from tests.support.pages import save, shown_fields

LONG_NIGHT, SHORT_NIGHT = "2027-10-31", "2027-03-28"  # back from 03:00 to 02:00, and forward


@pytest.fixture(autouse=True)
def zurich():
    with timezone.override(make.ZONE):
        yield


def clean(*parts):
    return MomentField().clean(list(parts)).isoformat()


def said(*parts):
    with pytest.raises(ValidationError) as error:
        MomentField().clean(list(parts))
    return error.value.messages


@pytest.mark.parametrize(
    ("day", "clock", "moment"),
    [
        ("2027-06-17", "09:00", "2027-06-17T09:00:00+02:00"),
        ("17.06.2027", "09:00:30", "2027-06-17T09:00:30+02:00"),
        (LONG_NIGHT, "01:59", "2027-10-31T01:59:00+02:00"),
        (LONG_NIGHT, "02:30+02:00", "2027-10-31T02:30:00+02:00"),
        (LONG_NIGHT, "02:30 +0100", "2027-10-31T02:30:00+01:00"),
        (LONG_NIGHT, "03:00", "2027-10-31T03:00:00+01:00"),
        (SHORT_NIGHT, "03:00", "2027-03-28T03:00:00+02:00"),
        ("2027-06-17", "930", "2027-06-17T09:30:00+02:00"),
        ("2027-06-17", "21h05", "2027-06-17T21:05:00+02:00"),
        (LONG_NIGHT, "2h30+01:00", "2027-10-31T02:30:00+01:00"),
    ],
)
def test_a_moment_is_read_as_it_is_written(day, clock, moment):
    assert clean(day, clock) == moment


@pytest.mark.parametrize("year", ["0001", "1900", "2100", "9999"])
def test_a_day_of_another_century_is_a_typing_error(year):
    expected = ["The year must be from 2000 to 2099."]
    assert said(f"{year}-01-01", "00:10") == expected
    with pytest.raises(ValidationError) as error:
        DayField().clean(f"{year}-12-31")
    assert error.value.messages == expected


def test_a_time_that_is_none_is_refused_with_an_example():
    assert said("2027-06-17", "half nine") == ["Enter a time, such as 08:30, 8h30 or 830."]


@pytest.mark.django_db
def test_weekly_shifts_are_typed_in_the_same_way(client):
    company = make.company()
    driver = make.driver(company)
    client.force_login(make.member(company))
    rows = "shift_templates"
    sent = {f"{rows}-TOTAL_FORMS": "1", f"{rows}-0-weekday": "0", f"{rows}-0-break_min": "30"}
    times = {"start": "6h", "end": "1430", "break_from": "9.30", "break_until": ""}
    page = reverse("admin:drivers_driver_change", args=[driver.pk])
    saved = save(client, page, **sent, **{f"{rows}-0-{name}": at for name, at in times.items()})
    assert saved.status_code == 302, saved.context["errors"]
    template = driver.shift_templates.get()
    assert [template.start, template.end] == [time(6), time(14, 30)]
    assert [template.break_from, template.break_until] == [time(9, 30), None]


def test_a_time_that_is_twice_is_refused_with_both_spellings():
    expected = "This time is twice on this day: write 02:30+02:00 or 02:30+01:00."
    assert said(LONG_NIGHT, "02:30") == [expected]


def test_a_skipped_time_is_refused_with_the_times_around_it():
    (sentence,) = said(SHORT_NIGHT, "02:30")
    assert sentence.endswith("write 01:30 or 03:30.")


@pytest.mark.parametrize("clock", ["25:00", "02:30+15:00", "+01:00", "02:30+1", "soon", ""])
def test_what_is_no_time_is_refused(clock):
    assert len(said(LONG_NIGHT, clock)) == 1


def test_every_quarter_of_the_nights_is_shown_as_it_is_read():
    field = MomentField()
    for day in (LONG_NIGHT, SHORT_NIGHT):
        first = datetime.fromisoformat(f"{day}T00:00+00:00") - timedelta(hours=3)
        for quarter in range(32):
            moment = first + timedelta(minutes=15 * quarter)
            shown = [str(part) for part in field.widget.decompress(moment)]
            assert field.clean(shown).astimezone(UTC) == moment
            assert not field.has_changed(moment, shown)


@pytest.mark.django_db
def test_rows_of_the_repeated_hour_are_changed_and_keep_their_moments(client):
    start, end = (
        datetime.fromisoformat(text)
        for text in ("2027-10-31T02:30+02:00", "2027-10-31T02:30+01:00")
    )
    company = make.company()
    driver = make.driver(company)
    client.force_login(make.member(company))
    booking = make.booking(company, scheduled_time=start, appointment_at=end)
    shift = Shift.objects.create(driver=driver, start_at=start, end_at=end)
    absence = Absence.objects.create(driver=driver, start_at=start, end_at=end)
    page = reverse("admin:bookings_booking_change", args=[booking.pk])
    assert shown_fields(client.get(page))["scheduled_time_1"] == ["02:30+02:00"]
    assert save(client, page, notes="Ring twice").status_code == 302
    assert list(Booking.objects.values_list("notes", "scheduled_time", "appointment_at")) == [
        ("Ring twice", start, end)
    ]
    page = reverse("admin:drivers_shift_change", args=[shift.pk])
    assert save(client, page, start_at_1="02:15+02:00").status_code == 302
    shift.refresh_from_db()
    assert (shift.start_at, shift.end_at) == (start - timedelta(minutes=15), end)
    page = reverse("admin:drivers_absence_change", args=[absence.pk])
    assert save(client, page, note="Dentist").status_code == 302
    absence.refresh_from_db()
    assert (absence.note, absence.start_at, absence.end_at) == ("Dentist", start, end)
