"""What the database checks is said to people in a sentence, with the field that is meant."""

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.urls import reverse

from bookings.models import Booking
from drivers.db.constraints import NoOverlap
from drivers.db.triggers import KeptByDatabase
from drivers.models import Absence, Shift, Vehicle
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.pages import save

RULES = [
    (model, constraint)
    for app in ("drivers", "bookings", "dispatch")
    for model in apps.get_app_config(app).get_models()
    for constraint in model._meta.constraints
    # About changes, not values; and what the database does by itself.
    if not isinstance(constraint, KeptByDatabase)
]


@pytest.mark.parametrize(("model", "rule"), RULES, ids=lambda it: getattr(it, "name", ""))
def test_every_rule_has_a_sentence_and_its_field_exists(model, rule):
    says = getattr(rule, "says", None) or rule.get_violation_error_message()
    assert isinstance(rule, NoOverlap) or "Constraint" not in str(says)
    if field := getattr(rule, "field", ""):
        assert model._meta.get_field(field)


def refused(row):
    with pytest.raises(ValidationError) as error:
        row.full_clean()
    return error.value.message_dict


@pytest.mark.django_db
def test_the_error_of_a_rule_stands_at_its_field():
    driver = make.driver()
    times = {"start_at": make.at("14:00"), "end_at": make.at("06:00")}
    expected = {"end_at": ["The end must be after the start."]}
    assert refused(Shift(driver=driver, **times)) == expected
    assert refused(Absence(driver=driver, **times)) == expected
    twin = Vehicle(company=driver.company, plate=driver.vehicle.plate)
    assert refused(twin) == {"plate": ["Another vehicle of the company has this plate."]}
    booking = make.booking(driver.company, reference="R1")
    booking.pk, booking._state.adding = None, True
    said = "Another booking of the customer has this reference."
    assert refused(booking) == {"reference": [said]}


@pytest.mark.django_db
def test_a_form_without_the_field_shows_the_error_above():
    booking = make.booking(wheelchairs=1)
    booking.wheelchairs = 2
    with pytest.raises(ValidationError) as error:
        booking.validate_constraints(exclude={"reference"})
    assert list(error.value.message_dict) == ["passengers"]
    booking.validate_constraints(exclude={"passengers"})  # nobody knows what it is


@pytest.mark.django_db
def test_a_rule_whose_sentence_is_that_of_the_constraint_says_it():
    booking = make.booking()
    booking.will_call = True
    said = "A will-call stays pending until the client is ready and its time is known."
    assert refused(booking) == {"__all__": [said]}


@pytest.mark.django_db
def test_the_api_names_the_field():
    driver = make.driver()
    body = {"driver": driver.pk, "start_at": make.at("10:00"), "end_at": make.at("09:00")}
    answer = caller().post(f"{API}absences/", body | {"reason": "sick"}, format="json")
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], error["detail"]) == ("end_at", "The end must be after the start.")


@pytest.mark.django_db
def test_the_admin_says_it_in_french_too(client, settings):
    booking = make.booking()
    client.force_login(make.member())
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    page = reverse("admin:bookings_booking_change", args=[booking.pk])
    answer = save(client, page, wheelchairs="3")
    assert answer.context["adminform"].form.errors == {
        "passengers": [
            "Les passagers comprennent ceux en fauteuil roulant : il en faut au moins autant."
        ]
    }
    assert Booking.objects.get().wheelchairs == 0
