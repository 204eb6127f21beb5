"""Moments that people enter lie in the years 2000 to 2099, for the database as for its doors."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from rest_framework.serializers import ValidationError as Refused

from bookings.models import Booking
from bookings.parsing import BadValueError
from bookings.parsing import moment as moment_of_cell
from dispatch.models import Assignment, DispatchRun
from drivers.admin.fields import moment_on
from drivers.db.rules import Between
from drivers.models import Absence, Driver, Shift, VehicleAbsence
from drivers.rest.fields import MomentField
from drivers.times import EARLIEST, LATEST
from tests.drivers.test_rules import RULES, refused
from tests.support import builders as make

HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)
INSIDE = [EARLIEST, LATEST - MOMENT]
OUTSIDE = [
    EARLIEST - MOMENT,
    LATEST,
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(9999, 12, 30, tzinfo=UTC),
]
SAID = "The year must be from 2000 to 2099."
OURS = [(model, rule) for model, rule in RULES if isinstance(rule, Between)]
PERIODS = {
    "start_at": ("end_at", HOUR),
    "end_at": ("start_at", -HOUR),
    "appointment_at": ("scheduled_time", -HOUR),
}
ROWS = {
    Absence: lambda driver: Absence.objects.create(
        driver=driver, start_at=make.at("08:00"), end_at=make.at("09:00")
    ),
    Assignment: lambda driver: make.assignment(make.booking(driver.company), driver),
    Booking: lambda driver: make.booking(driver.company),
    DispatchRun: lambda driver: make.run(driver.company),
    Driver: lambda driver: driver,
    Shift: make.shift,
    VehicleAbsence: lambda driver: VehicleAbsence.objects.create(
        vehicle=driver.vehicle, start_at=make.at("08:00"), end_at=make.at("09:00")
    ),
}


def values(rule, at):
    """Return what a row has with this moment in the rule's field, so that no other rule breaks."""
    if rule.field == "day":
        return {"day": at.date()}
    if rule.field not in PERIODS:
        return {rule.field: at}
    other, later = PERIODS[rule.field]
    return {rule.field: at, other: at + later}


def test_the_times_of_bookings_shifts_and_absences_have_the_rule():
    fields = {(model.__name__, rule.field) for model, rule in OURS}
    entered = {
        ("Booking", "scheduled_time"),
        ("Booking", "appointment_at"),
        *(("Shift", name) for name in ("start_at", "end_at", "break_from_at", "break_until_at")),
        *(("Absence", name) for name in ("start_at", "end_at")),
        *(("VehicleAbsence", name) for name in ("start_at", "end_at")),
    }
    assert entered < fields


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "rule"), OURS, ids=lambda it: getattr(it, "name", ""))
def test_database_and_validation_agree_on_the_years(model, rule, django_assert_num_queries):
    row = ROWS[model](make.driver())
    stored = model.objects.filter(pk=row.pk)
    for wanted in (values(rule, at) for at in INSIDE):
        if rule.first <= min(wanted.values()) and max(wanted.values()) < rule.end:
            assert stored.update(**wanted) == 1
    for at in OUTSIDE:
        wanted = values(rule, at)
        for name, value in wanted.items():
            setattr(row, name, value)
        with pytest.raises(IntegrityError, match="_in_years"), transaction.atomic():
            stored.update(**wanted)
        with pytest.raises(ValidationError) as error, django_assert_num_queries(0):
            rule.validate(model, row)
        assert error.value.message_dict == {rule.field: [SAID]}
        rule.validate(model, row, exclude=[rule.field])


@pytest.mark.django_db
def test_a_form_says_so_at_the_field_of_a_night_that_is_outside_in_utc():
    driver = make.driver()
    midnight = moment_on(EARLIEST.date(), time(0, 30), ZoneInfo("Europe/Zurich"))
    absence = Absence(driver=driver, start_at=midnight, end_at=midnight + 2 * HOUR)
    assert refused(absence) == {"start_at": [SAID]}


@pytest.mark.parametrize("at", [*INSIDE, *OUTSIDE])
def test_files_and_api_take_the_same_moments_as_the_database(at):
    at, written = at.replace(microsecond=0), f"{at:%m-%dT%H:%M:%SZ}"
    text = f"{at.year:04}-{written}"
    if EARLIEST <= at < LATEST:
        assert moment_of_cell(text, zone=UTC) == MomentField().run_validation(text) == at
    else:
        with pytest.raises(Refused):
            MomentField().run_validation(text)
        with pytest.raises(BadValueError, match="year"):
            moment_of_cell(text, zone=UTC)


def test_a_file_counts_the_years_in_utc():
    with pytest.raises(BadValueError, match="from 2000 to 2099"):
        moment_of_cell("2000-01-01T00:30", zone=ZoneInfo("Europe/Zurich"))
