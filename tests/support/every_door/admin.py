"""What is sent to each form and action of the admin."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Model

from bookings.models import Booking, Client
from drivers.models import (
    Absence,
    ApiToken,
    Company,
    Driver,
    Membership,
    Shift,
    Vehicle,
    VehicleAbsence,
)
from perf.project.doors.company_rows import company_rows
from tests.support import builders as make
from tests.support.every_door.columns import FAR_LAT, FAR_LON, at, both, changes_of
from tests.support.every_door.company import Busy

Form = dict[str, Any]
MODEL_PAGE = re.compile(r"(\w+)_(\w+)_(changelist|add|change|delete|history)")
DAY = make.DAY.isoformat()
TRIPS = ("ASSIGNED", "EN_ROUTE", "DONE", "WAITING")  # whose forms are filled in

# Rows ------------------------------------------------------------------------------------


def rows_of(model: type[Model], busy: Busy) -> list[Any]:
    """Return the rows whose pages are walked through: those on which trips rest, or the newest."""
    drivers = [busy.anna, busy.chloe]
    found: dict[type[Model], list[Any]] = {
        Booking: [busy.bookings[name] for name in TRIPS],
        Driver: drivers,
        Vehicle: [driver.vehicle for driver in drivers],
        Shift: [driver.shifts.get() for driver in drivers],
        Client: [busy.client],
    }
    return found.get(model) or list(company_rows(model, busy.company).order_by("-pk")[:1])


# Forms -----------------------------------------------------------------------------------


def form_changes(row: Model, busy: Busy) -> dict[str, list[Form]]:
    """Return what is sent for each field of the form of a row; "prefix.field" are of inlines."""
    if type(row) in OTHER_FORMS:
        found = OTHER_FORMS[type(row)](row, busy)
    else:
        found = {
            name: [change.form for change in changes if change.form is not None]
            for name, changes in changes_of(row, busy).items()
        }
    return found | INLINES.get(type(row), lambda busy: {})(busy)


def _preferences(busy: Busy) -> dict[str, list[Form]]:
    """Return the saved places, and the preferred drivers who become forbidden ones."""
    places, drivers = "places-0-", "driver_preferences-0-"
    another = {f"driver_preferences-1-{name}": "" for name in ("id",)} | {
        "driver_preferences-TOTAL_FORMS": "2",
        "driver_preferences-1-client": str(busy.client.pk),
        "driver_preferences-1-driver": str(busy.anna.pk),
        "driver_preferences-1-kind": "forbidden",
    }
    return {
        "places.label": [{f"{places}label": "pool"}],
        "places.address": [{f"{places}address": "Pool 1"}],
        "places.lat": [{f"{places}lat": str(FAR_LAT)}],
        "places.lon": [{f"{places}lon": str(FAR_LON)}],
        "places.is_usual": [{f"{places}is_usual": "on"}],
        "places.DELETE": [{f"{places}DELETE": "on"}],
        "driver_preferences.driver": [
            {f"{drivers}driver": str(busy.anna.pk), f"{drivers}kind": "forbidden"},
            another,
        ],
        "driver_preferences.kind": [{f"{drivers}kind": "forbidden"}],
        "driver_preferences.DELETE": [{f"{drivers}DELETE": "on"}],
    }


def _weekly(busy: Busy) -> dict[str, list[Form]]:
    first, second = "shift_templates-0-", "shift_templates-1-"
    again = {
        "shift_templates-TOTAL_FORMS": "2", f"{second}id": "", f"{second}weekday": "2",
        f"{second}start": "06:00", f"{second}end": "17:00", f"{second}break_min": "0",
    }  # fmt: skip
    return {
        "shift_templates.weekday": [{f"{first}weekday": "3"}],
        "shift_templates.start": [{f"{first}start": "12:00"}, again],
        "shift_templates.end": [{f"{first}end": "10:00"}, {f"{first}end": "06:00"}],
        "shift_templates.vehicle": [{f"{first}vehicle": str(busy.ben.vehicle_id)}],
        "shift_templates.break_min": [{f"{first}break_min": "45"}, {f"{first}break_min": "999"}],
        "shift_templates.break_from": [{f"{first}break_from": "11:00"}],
        "shift_templates.break_until": [{f"{first}break_until": "14:00"}],
        "shift_templates.DELETE": [{f"{first}DELETE": "on"}],
    }


def _user(row: Model, busy: Busy) -> dict[str, list[Form]]:
    return {
        "username": [{"username": "new"}],
        "password": [{}],  # only shown
        "first_name": [{"first_name": "New"}],
        "last_name": [{"last_name": "New"}],
        "email": [{"email": "new@example.org"}],
        "is_active": [{"is_active": None}],
        "is_staff": [{"is_staff": "on"}],
        "is_superuser": [{"is_superuser": "on"}],
        "groups": [{}],
        "user_permissions": [{"user_permissions": ["1"]}],
        "last_login": [at(last_login="09:00").form],
        "date_joined": [at(date_joined="09:00").form],
    }


OTHER_FORMS: dict[type[Model], Callable[[Any, Busy], dict[str, list[Form]]]] = {
    Group: lambda row, busy: {"name": [{"name": "new"}], "permissions": [{"permissions": ["1"]}]},
    Membership: lambda row, busy: {"role": [{"role": "viewer"}, {"role": "driver"}]},
    User: _user,
}
INLINES: dict[type[Model], Callable[[Busy], dict[str, list[Form]]]] = {
    Client: _preferences,
    Driver: lambda busy: _weekly(busy),
}


def _added(busy: Busy) -> dict[type[Model], list[Form]]:
    """Return what is sent to the page that adds a row."""
    company = {"company": str(busy.company.pk)}
    place = both(lat=FAR_LAT, lon=FAR_LON).form
    trip = {
        **both(pickup_lat=46.2, pickup_lon=6.1, dropoff_lat=FAR_LAT, dropoff_lon=FAR_LON).form,
        **at(scheduled_time="11:00").form, **at(appointment_at="12:00").form,
        **both(client=busy.client.pk, reference="N-1").form,
        **both(pickup_address="a", dropoff_address="b").form,
        **both(passengers=60, wheelchairs=1, priority=1, needs=["hoist"], notes="x").form,
        "return_of": str(busy.bookings["ASSIGNED"].pk),
    }  # fmt: skip
    weekly = {
        "shift_templates-TOTAL_FORMS": "1", "shift_templates-0-weekday": "2",
        "shift_templates-0-start": "06:00", "shift_templates-0-end": "17:00",
        "shift_templates-0-vehicle": "",
        "shift_templates-0-break_min": "30", "shift_templates-0-break_from": "11:00",
        "shift_templates-0-break_until": "14:00", "shift_templates-0-DELETE": None,
    }  # fmt: skip
    driver = {
        **company, **both(name="Zoé", phone="1", vehicle=busy.anna.vehicle_id, user=None).form,
        **both(kind="regular", is_active=True, is_available=True, skills=["hoist"]).form,
        **both(max_bookings=1, home_lat=FAR_LAT, home_lon=FAR_LON).form, **weekly,
        "home_address": "Quai 1",
    }  # fmt: skip
    over = at(start_at="09:00", end_at="17:00").form
    a_break = {**both(break_min=0).form, **at(break_from_at="11:00", break_until_at="14:00").form}
    drivers = [str(row.pk) for row in (busy.anna, busy.ben, busy.chloe, busy.dan, busy.eve)]
    policy = {name: changes[0].form for name, changes in changes_of(busy.company, busy).items()}
    password = {"password1": "a long phrase 1", "password2": "a long phrase 1"}
    member = str(busy.user.memberships.get().pk)
    return {
        Company: [{k: v for form in policy.values() for k, v in form.items()}],
        Membership: [{**company, "username": "newcomer", "role": "dispatcher"}],
        ApiToken: [{"membership": member, "name": "portal", "role": "", "days": "9"}],
        User: [{"username": "newcomer", "usable_password": "true", **password}],
        Group: [{"name": "planners", "permissions": ["1"]}],
        Client: [{**company, **both(name="Ada", phone="1", address="a", notes="x").form, **place,
                  "wheelchair": "on"}],
        Booking: [{**company, **trip}, {**company, **trip, "return_of": ""}],
        Driver: [driver],
        Vehicle: [{**company, **both(plate="NEW", seats=0, wheelchair_places=0).form,
                   "skills": ""}],
        Shift: [{"driver": pk, "vehicle": "", **over, **a_break} for pk in drivers],
        Absence: [{"driver": pk, **over, "reason": "sick", "note": "x"} for pk in drivers],
        VehicleAbsence: [
            {"vehicle": str(row.vehicle_id), **over, "reason": "workshop", "note": "x"}
            for row in (busy.anna, busy.ben, busy.chloe)
        ],
    }  # fmt: skip


def added(model: type[Model], busy: Busy) -> list[Form]:
    return _added(busy).get(model, [])


def fields_of(response: Any) -> Iterator[str]:
    """Yield the names of the fields that a page's form lets one change, inlines included."""
    context = response.context
    if not (context and "adminform" in context):
        return
    for name, field in context["adminform"].form.fields.items():
        if not field.widget.is_hidden:
            yield name
    for inline in context["inline_admin_formsets"]:
        for name, field in inline.formset.empty_form.fields.items():
            if not field.widget.is_hidden:
                yield f"{inline.formset.prefix}.{name}"


# Actions ---------------------------------------------------------------------------------

# What is sent beside the rows, for each action of a list.
ACTIONS: dict[str, Form] = {
    "delete_selected": {"post": "yes"},
    "accept": {},
    "cancel_selected": {},
    "weeks_of_selected": {},
    "revoke": {},
}
