"""The fleet's pages: what would break trips is asked first, and weeks are filled."""

from datetime import date, time

import pytest
from django.urls import reverse

from bookings.models import Event
from dispatch.models import Assignment
from drivers.models import Absence, Driver, Membership, Role, Shift, ShiftTemplate, Vehicle
from tests.support import builders as make
from tests.support.pages import save

DAY = date(2030, 6, 12)  # to come, by the real clock
pytestmark = pytest.mark.django_db


@pytest.fixture
def driver(client):
    company = make.company()
    client.force_login(make.member(company))
    driver = make.driver(company, "Anna")
    make.shift(driver, day=DAY)
    return driver


def trip(driver, clock="09:00", **fields):
    booking = make.booking(driver.company, clock, day=DAY, **fields)
    return make.assignment(booking, driver)


def url(row, page="change"):
    meta = row._meta
    args = [] if page in ("add", "changelist") else [row.pk]
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def driver_form(driver, **fields):
    return {
        "name": driver.name,
        "phone": "",
        "vehicle": driver.vehicle_id,
        "kind": "regular",
        "is_active": "on",
        "is_available": "on",
        "skills": "",
        "shift_templates-TOTAL_FORMS": 0,
        "shift_templates-INITIAL_FORMS": 0,
    } | fields


def again(response):
    """Return what the page that asks would post: everything, and the trips to release."""
    posted = dict(response.context["posted"])
    return posted | {"release": [row.assignment_id for row in response.context["trips"]]}


def test_a_change_that_breaks_nothing_is_saved(client, driver):
    trip(driver)
    response = client.post(url(driver), driver_form(driver, name="Berta"))
    assert response.status_code == 302, response.context["errors"]
    assert Driver.objects.get().name == "Berta"


def test_a_driver_without_vehicle_is_asked_about_first_and_then_saved(client, driver):
    assigned = trip(driver)
    asked = client.post(url(driver), driver_form(driver, vehicle=""))
    assert asked.status_code == 409
    assert assigned.booking.reference in asked.content.decode()
    assert Driver.objects.get().vehicle is not None
    assert client.post(url(driver), again(asked)).status_code == 302
    assert Driver.objects.get().vehicle is None
    assigned.refresh_from_db()
    assert assigned.status == "superseded"
    event = Event.objects.get()
    assert (event.kind, event.door) == ("assignment.released", "admin")


def test_who_declines_finds_everything_as_it_was(client, driver):
    assigned = trip(driver)
    asked = client.post(url(driver), driver_form(driver, is_available=""))
    assert client.get(asked.wsgi_request.get_full_path()).status_code == 200
    assigned.refresh_from_db()
    assert (assigned.status, Driver.objects.get().is_available) == ("planned", True)


def test_fewer_wheelchair_places_ask(client, driver):
    trip(driver, wheelchairs=1)
    car = driver.vehicle
    form = {"plate": car.plate, "seats": 4, "wheelchair_places": 0, "skills": ""}
    asked = client.post(url(car), form)
    assert asked.status_code == 409
    assert client.post(url(car), again(asked)).status_code == 302
    assert Vehicle.objects.get().wheelchair_places == 0


def moment(name, clock, day=DAY):
    return {f"{name}_0": day.isoformat(), f"{name}_1": clock}


def test_skills_are_written_with_commas(client, driver):
    client.post(url(driver), driver_form(driver, skills="Oxygen, stretcher, oxygen,"))
    assert Driver.objects.get().skills == ["oxygen", "stretcher"]
    assert 'value="oxygen, stretcher"' in client.get(url(driver)).content.decode()


def test_an_absence_over_trips_asks(client, driver):
    trip(driver)
    form = {"driver": driver.pk, "reason": "sick", "note": ""}
    form |= moment("start_at", "08:00") | moment("end_at", "12:00")
    asked = client.post(reverse("admin:drivers_absence_add"), form)
    assert asked.status_code == 409, asked.context["errors"]
    assert not Absence.objects.exists()
    assert client.post(reverse("admin:drivers_absence_add"), again(asked)).status_code == 302
    assert Absence.objects.get().start_at == make.at("08:00", DAY)
    assert Assignment.objects.open().count() == 0


def test_a_shift_is_not_deleted_under_its_trips_without_asking(client, driver):
    trip(driver)
    shift = driver.shifts.get()
    asked = client.post(url(shift, "delete"), {"post": "yes"})
    assert asked.status_code == 409
    assert client.post(url(shift, "delete"), again(asked)).status_code == 302
    assert not Shift.objects.exists()


def test_many_shifts_deleted_at_once_ask_too(client, driver):
    trip(driver)
    ids = list(Shift.objects.values_list("pk", flat=True))
    action = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    asked = client.post(reverse("admin:drivers_shift_changelist"), action)
    assert asked.status_code == 409
    assert Shift.objects.count() == 1
    client.post(reverse("admin:drivers_shift_changelist"), again(asked))
    assert not Shift.objects.exists()


def test_a_shift_goes_from_one_driver_to_another_only_after_asking(client, driver):
    trip(driver)
    other, shift = make.driver(driver.company), driver.shifts.get()
    form = {"driver": other.pk, "break_min": 0} | {
        f"break_{name}_at_{part}": "" for name in ("from", "until") for part in (0, 1)
    }
    form |= moment("start_at", "06:00") | moment("end_at", "18:00")
    assert client.post(url(shift), form).status_code == 409


def test_a_driver_of_another_company_cannot_be_chosen(client, driver):
    theirs = make.driver(make.company("other"))
    form = {"driver": theirs.pk, "reason": "sick", "note": ""}
    form |= moment("start_at", "08:00") | moment("end_at", "12:00")
    response = client.post(reverse("admin:drivers_absence_add"), form)
    assert "driver" in response.context["adminform"].form.errors
    car = make.vehicle(theirs.company)
    response = client.post(url(driver), driver_form(driver, vehicle=car.pk))
    assert "vehicle" in response.context["adminform"].form.errors


def test_only_members_who_drive_are_offered_as_a_drivers_user(client, driver):
    mine = make.member(driver.company, Role.DRIVER)
    make.member(make.company("other"), Role.DRIVER)
    field = client.get(url(driver)).context["adminform"].form.fields["user"]
    assert list(field.queryset) == [mine]


def test_who_drives_for_another_company_is_neither_offered_nor_told_of(client, driver):
    both = make.member(driver.company, Role.DRIVER)
    make.driver(make.company("other"), user=both)
    response = client.post(url(driver), driver_form(driver, user=both.pk))
    errors = response.context["adminform"].form.errors["user"]
    assert "already exists" not in str(errors)
    driver.refresh_from_db()
    assert driver.user_id is None


def test_a_driver_who_is_a_member_is_let_go_before_another_one_is_it(client, driver):
    one, other = (make.member(driver.company, Role.DRIVER) for _number in range(2))
    assert client.post(url(driver), driver_form(driver, user=one.pk)).status_code == 302
    response = client.post(url(driver), driver_form(driver, user=other.pk))
    assert "let that one go first" in str(response.context["adminform"].form.errors["user"])
    assert client.post(url(driver), driver_form(driver, user="")).status_code == 302
    assert client.post(url(driver), driver_form(driver, user=other.pk)).status_code == 302
    driver.refresh_from_db()
    assert driver.user_id == other.pk


WEEK = {"origin": "templates", "source": "", "week": "2030-06-12", "weeks": 2}


def test_weeks_are_shown_first_and_then_filled(client, driver):
    ShiftTemplate.objects.create(driver=driver, weekday=0, start=time(6), end=time(14))
    page, form = reverse("admin:drivers_driver_weeks"), WEEK | {"company": driver.company_id}
    shown = client.post(page, form)
    assert "2 shifts would be created" in shown.content.decode()
    assert Shift.objects.count() == 1
    assert client.post(page, form | {"confirm": 1}).status_code == 302
    assert Shift.objects.count() == 3


def test_weeks_of_another_company_cannot_be_filled(client, driver):
    other = make.company("other")
    theirs = make.driver(other)
    page = reverse("admin:drivers_driver_weeks")
    response = client.post(page, WEEK | {"company": other.pk, "confirm": 1})
    assert "company" in response.context["form"].errors
    form = WEEK | {"company": driver.company_id, "drivers": [theirs.pk]}
    assert "drivers" in client.post(page, form).context["form"].errors


def test_a_viewer_fills_nothing(client):
    client.force_login(make.member(make.company(), Role.VIEWER))
    assert client.get(reverse("admin:drivers_driver_weeks")).status_code == 403


def test_the_chosen_drivers_come_along_from_the_list(client, driver):
    action = {"action": "weeks_of_selected", "_selected_action": [driver.pk]}
    response = client.post(reverse("admin:drivers_driver_changelist"), action)
    assert response.url.endswith(f"weeks/?drivers={driver.pk}") or "drivers=" in response.url


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fairness", 5_000),
        ("speed_kmh", 0),
        ("circuity", 9),
        ("freeze_min", 2_000),
        ("max_bookings_per_driver", 0),
        ("boarding_min", 500),
        ("depot_lat", 95),
    ],
)
def test_an_owner_changes_the_policy_but_not_into_nonsense(client, field, value):
    company = make.company()
    client.force_login(make.member(company, Role.OWNER))
    page = url(company)
    names = client.get(page).context["adminform"].form.fields
    values = {name: getattr(company, name) for name in names if name != "depot_address"}
    form = {name: "" if value is None else value for name, value in values.items()}
    assert client.post(page, form | {"freeze_min": 45}).status_code == 302
    company.refresh_from_db()
    assert company.freeze_min == 45
    response = client.post(page, form | {field: value})
    assert list(response.context["adminform"].form.errors) == [field]
    client.force_login(make.member(company))
    assert client.post(page, form).status_code == 403


def test_new_durations_tell_that_planned_trips_keep_the_old_ones(client):
    company = make.company()
    client.force_login(make.member(company, Role.OWNER))
    page = reverse("admin:drivers_company_change", args=[company.id])
    said = "Trips that are planned already keep the times of the old durations"
    save(client, page, freeze_min=40)
    assert said not in client.get(page).text
    save(client, page, alighting_min=9)
    assert said in client.get(page).text


def test_a_row_of_another_company_is_offered_the_places_of_that_one(client):
    here, there = make.company(), make.company("lake-cars")
    user = make.member(here)
    Membership.objects.create(user=user, company=there, role=Role.DISPATCHER)
    client.force_login(user)
    client.get(reverse("admin:drivers_driver_changelist"), {"company": here.slug})
    for row in (make.client(there), make.driver(there)):
        page = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        shown = client.get(page).text
        assert (
            shown.count("/telephone/places/?company=lake-cars") == shown.count("data-places=") > 0
        )


def test_a_vehicle_that_was_in_shifts_stays_and_a_page_says_so(client):
    company = make.company()
    client.force_login(make.member(company))
    used = make.shift(make.driver(company)).vehicle
    shown = client.get(reverse("admin:drivers_vehicle_delete", args=[used.pk])).text
    assert f"The shifts with {used}" in shown
    free = make.vehicle(company, plate="VD 77")
    for vehicle in (used, free):
        page = reverse("admin:drivers_vehicle_delete", args=[vehicle.pk])
        client.post(page, {"post": "yes"})
    assert list(Vehicle.objects.filter(pk__in=[used.pk, free.pk])) == [used]
