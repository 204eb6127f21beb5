"""The order of linked trips is said with one sentence, whoever finds it broken."""

import pytest
from django.core.exceptions import ValidationError

from bookings.duplicate import duplicate
from bookings.importing.import_bookings import import_bookings
from bookings.intake import IntakeRefused, take_in
from bookings.models import Actor, Booking, Door
from bookings.order import is_wanted_after
from bookings.save import save_booking
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
AFTER = "Enter a time after the outbound trip A, which is wanted at 2026-06-17 09:30."
BEFORE = "Enter a time before the return trip B, which is wanted at 2026-06-17 11:00."
RIDE = {
    "passengers": 1,
    "wheelchairs": 0,
    "pickup_lat": make.HOSPITAL[0],
    "pickup_lon": make.HOSPITAL[1],
    "dropoff_lat": make.HOME[0],
    "dropoff_lon": make.HOME[1],
}


@pytest.fixture
def there():
    return make.booking(clock="09:00", reference="A", appointment_at=make.at("09:30"))


def by_saving(booking):
    with pytest.raises(ValidationError) as caught:
        save_booking(booking, actor=ACTOR, now=make.NOW)
    ((sentence,),) = caught.value.message_dict.values()
    return sentence


def by_import(company, **columns):
    lines = ",".join(columns), ",".join(str(value) for value in columns.values())
    data = "\n".join(lines).encode()
    (error,) = import_bookings(company, data, actor=ACTOR, now=make.NOW, skip_invalid=True).errors
    return error.message


def test_a_return_trip_is_wanted_after_the_appointment_or_without_one_after_the_pickup():
    nine, half_past, ten = (make.at(clock) for clock in ("09:00", "09:30", "10:00"))
    assert is_wanted_after(half_past, nine, None)
    assert not is_wanted_after(half_past, nine, half_past)
    assert is_wanted_after(half_past, nine, half_past, will_call=True)
    assert not is_wanted_after(half_past, nine, ten, will_call=True)


def test_a_return_trip_too_early_is_refused_alike_by_form_api_bulk_and_import(there):
    early = make.at("09:15")
    back = make.booking(clock="11:00", reference="B", return_of=there)
    back.scheduled_time = early
    assert by_saving(back) == AFTER
    answer = caller(Role.DISPATCHER).patch(
        f"{API}bookings/{back.pk}/", {"scheduled_time": early.isoformat()}
    )
    assert [row["detail"] for row in answer.json()["errors"]] == [AFTER]
    assert by_import(there.company, reference="B", scheduled_time=early, **RIDE) == AFTER
    Booking.objects.filter(pk=back.pk).delete()
    row = {"scheduled_time": early, "return_of": there.pk}
    with pytest.raises(IntakeRefused) as caught:
        take_in(there.company, [row | RIDE], actor=ACTOR, now=make.NOW)
    assert caught.value.outcomes[0].errors == {"scheduled_time": [("invalid", AFTER)]}
    new = {"reference": "B", "return_of": "A", "scheduled_time": early}
    assert by_import(there.company, **new, **RIDE) == AFTER


def test_an_outbound_trip_too_late_is_refused_alike_by_form_api_and_import(there):
    make.booking(clock="11:00", reference="B", return_of=there)
    late, appointment_at = make.at("11:00"), make.at("12:00")
    answer = caller(Role.DISPATCHER).patch(
        f"{API}bookings/{there.pk}/",
        {"scheduled_time": late.isoformat(), "appointment_at": appointment_at.isoformat()},
    )
    assert [row["detail"] for row in answer.json()["errors"]] == [BEFORE]
    moved = {"reference": "A", "scheduled_time": late, "appointment_at": appointment_at}
    assert by_import(there.company, **moved, **RIDE) == BEFORE
    there.scheduled_time, there.appointment_at = late, appointment_at
    assert by_saving(there) == BEFORE


def test_copies_out_of_order_are_named_by_their_day(there):
    back = make.booking(clock="09:15", return_of=there)
    with pytest.raises(ValidationError) as caught:
        duplicate(there, [make.DAY], actor=ACTOR, now=make.NOW, way_back=back)
    assert caught.value.message_dict == {
        "days": [
            "17 Jun 2026: The return trip must be after the outbound trip and its appointment."
        ]
    }
