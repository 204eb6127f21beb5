"""A booking is saved by one use-case, which keeps a return trip after its outbound trip."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as Web
from django.urls import reverse

from bookings.intake import IntakeRefused, take_in
from bookings.models import Actor, Booking, Door
from bookings.save import save_booking
from bookings.telephone import way_back
from tests.support import builders as make

ACTOR = Actor(Door.ADMIN, name="anna")
pytestmark = pytest.mark.django_db


def save(booking):
    save_booking(booking, actor=ACTOR, now=make.NOW)


def refusal(booking):
    with pytest.raises(ValidationError) as caught:
        save(booking)
    return caught.value.message_dict


@pytest.fixture
def there():
    return make.booking(clock="09:00", reference="A", appointment_at=make.at("09:30"))


@pytest.mark.parametrize("year", [1, 1900, 2100, 9999])
def test_a_booking_of_another_century_is_refused_at_its_field(there, year):
    wrong = {"scheduled_time": datetime(year, 1, 1, 9, tzinfo=UTC)}
    if year > 2000:
        wrong |= {"scheduled_time": there.scheduled_time, "appointment_at": wrong["scheduled_time"]}
    for name, at in wrong.items():
        setattr(there, name, at)
    field = "appointment_at" if year > 2000 else "scheduled_time"
    assert refusal(there)[field] == ["The year must be from 2000 to 2099."]


@pytest.mark.parametrize("clock", ["08:00", "09:00", "09:30"])
def test_a_way_back_that_is_not_after_the_way_there_is_refused(there, clock):
    message = "Enter a time after the outbound trip A, which is wanted at 2026-06-17 09:30."
    assert refusal(way_back(there, make.at(clock))) == {"scheduled_time": [message]}
    back = make.booking(clock="11:00", return_of=there)
    back.scheduled_time = make.at(clock)
    assert refusal(back) == {"scheduled_time": [message]}


def test_a_will_call_may_wait_from_the_appointment_on(there):
    save(way_back(there, make.at("09:30"), will_call=True))
    assert Booking.objects.filter(return_of=there).exists()


def test_a_way_there_cannot_be_moved_behind_its_way_back(there):
    make.booking(clock="11:00", reference="B", return_of=there)
    there.appointment_at = make.at("11:00")
    said = refusal(there)
    assert said == {
        "appointment_at": [
            "Enter a time before the return trip B, which is wanted at 2026-06-17 11:00."
        ]
    }
    there.scheduled_time, there.appointment_at = make.at("12:00"), None
    assert list(refusal(there)) == ["scheduled_time"]


def test_a_booking_becomes_a_way_back_only_in_order(there):
    early = make.booking(clock="08:00", reference="B")
    early.return_of = there
    assert list(refusal(early)) == ["return_of"]


def test_a_pair_out_of_order_can_still_be_noted_on_and_put_right(there):
    back = make.booking(clock="08:00", return_of=there)
    back.notes = "second door"
    save(back)
    back.scheduled_time = make.at("11:00")
    save(back)


def test_a_way_there_that_is_over_hinders_nothing(there):
    Booking.objects.filter(pk=there.pk).update(status="completed")
    there.refresh_from_db()
    back = way_back(there, make.at("09:15"))
    back.status = "accepted"
    save(back)


def test_what_other_systems_send_is_in_order(there):
    known = {
        name: getattr(there, name)
        for name in ("pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon")
    }
    row = known | {"scheduled_time": make.at("09:30"), "return_of": there.pk}
    row |= {"passengers": 1, "wheelchairs": 0}
    with pytest.raises(IntakeRefused) as caught:
        take_in(there.company, [row], actor=ACTOR, now=make.NOW)
    ((code, sentence),) = caught.value.outcomes[0].errors["scheduled_time"]
    assert (code, "after the outbound trip A" in sentence) == ("invalid", True)
    late = row | {"scheduled_time": make.at("09:31")}
    (outcome,) = take_in(there.company, [late], actor=ACTOR, now=make.NOW)
    assert outcome.created


def test_the_form_of_the_admin_says_what_would_be_right(there):
    back = make.booking(clock="11:00", return_of=there)
    web = Web()
    web.force_login(make.member(there.company))
    url = reverse("admin:bookings_booking_change", args=[back.pk])
    form = web.get(url).context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    data = {name: "" if value is None else value for name, value in data.items()}
    data |= {"scheduled_time_0": "2026-06-17", "scheduled_time_1": "09:15"}
    data |= {"appointment_at_0": "", "appointment_at_1": "", "needs": ""}
    page = web.post(url, data)
    assert page.status_code == 200
    errors = page.context["adminform"].form.errors
    assert "after the outbound trip A" in str(errors), errors
