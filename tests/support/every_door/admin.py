"""What is sent to each form and action of the admin."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Model

from bookings.models import Booking, Client, CompanyPlace, MessagePolicy, Series
from drivers.models import (
    Absence,
    ApiToken,
    Company,
    Customer,
    Driver,
    Invitation,
    Membership,
    Shift,
    Vehicle,
    VehicleAbsence,
)
from perf.project.doors.company_rows import company_rows
from tests.support import builders as make
from tests.support.every_door.columns import FAR_LAT, FAR_LON, PLACE, at, both, changes_of
from tests.support.every_door.company import Busy

Form = dict[str, Any]
MODEL_PAGE = re.compile(r"(\w+)_(\w+)_(changelist|add|change|delete|history)")
DAY = make.DAY.isoformat()
TRIPS = ("ASSIGNED", "EN_ROUTE", "DONE", "WAITING")  # whose forms are filled in

# Rows ------------------------------------------------------------------------------------


def rows_of(model: type[Model], busy: Busy) -> list[Any]:
    """Return the rows whose pages are walked through: those on which trips rest, or the newest."""
    drivers = [busy.anna, busy.chloe]
    if model is MessagePolicy:  # not before: a company has one, which is added too
        return [MessagePolicy.objects.first() or make.message_policy(busy.company)]
    found: dict[type[Model], list[Any]] = {
        Booking: [busy.bookings[name] for name in TRIPS],
        Driver: drivers,
        Vehicle: [driver.vehicle for driver in drivers],
        Shift: [driver.shifts.get() for driver in drivers],
        Client: [busy.client],
        CompanyPlace: [busy.place],
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
        **_recipients(busy),
        **_pauses(busy),
    }


def _recipients(busy: Busy) -> dict[str, list[Form]]:
    first = "recipients-0-"
    new = {
        "recipients-TOTAL_FORMS": "1", f"{first}person": "contact", f"{first}channel": "email",
        f"{first}address": "son@example.org", f"{first}language": "fr",
    }  # fmt: skip
    return {
        "recipients.person": [new],
        "recipients.channel": [new | {f"{first}channel": "none"}],
        "recipients.address": [new | {f"{first}address": "daughter@example.org"}],
        "recipients.language": [new | {f"{first}language": "en"}],
        "recipients.DELETE": [new | {f"{first}DELETE": "on"}],
    }


MESSAGES = {
    "is_on": "on", "has_pages": "on", "test_address": "us@example.org", "language": "fr",
    "tells_booked": None, "tells_reminder": None, "tells_on_the_way": None, "tells_late": None,
    "tells_changed": None, "tells_canceled": None, "reminder_at": "16:00", "late_min": "20",
    "quiet_from": "20:00", "quiet_until": "08:00", "daily_limit": "9",
}  # fmt: skip


def _messages(busy: Busy) -> dict[str, list[Form]]:
    first = "texts-0-"
    new = {
        "texts-TOTAL_FORMS": "1", f"{first}kind": "booked", f"{first}language": "en",
        f"{first}text": "{clock}", f"{first}customer": "", f"{first}DELETE": None,
    }  # fmt: skip
    return {f"texts.{name}": [new] for name in ("kind", "language", "text", "customer", "DELETE")}


def _pauses(busy: Busy) -> dict[str, list[Form]]:
    first = "pauses-0-"
    day = {f"{first}first_day": DAY, "pauses-TOTAL_FORMS": "1"}
    return {
        "pauses.first_day": [day],
        "pauses.last_day": [{**day, f"{first}last_day": DAY}],
        "pauses.note": [{**day, f"{first}note": "exam"}],
        "pauses.DELETE": [{f"{first}DELETE": "on"}],
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


HOSPITAL = {
    "name": "HUG", "kind": "hospital", "contact": "Dr. Rey", "phone": "1", "email": "a@b.ch",
    "notes": "x", "book_ahead_min": "60", "margin_min": "45",
    "pickup_early_min": "0", "pickup_late_min": "0", "return_late_min": "0",
    "requires_client": "on",
    "on_time_early_min": "5", "on_time_late_min": "20",
    "requires_reference": "on", "requires_appointment": "on",
}  # fmt: skip
OTHER_FORMS: dict[type[Model], Callable[[Any, Busy], dict[str, list[Form]]]] = {
    Group: lambda row, busy: {"name": [{"name": "new"}], "permissions": [{"permissions": ["1"]}]},
    Membership: lambda row, busy: {
        "role": [{"role": "viewer"}, {"role": "driver"}],
        "customer": [{"role": "client_api", "customer": str(busy.company.default_customer.pk)}],
    },
    Customer: lambda row, busy: {name: [{name: value}] for name, value in HOSPITAL.items()},
    User: _user,
    MessagePolicy: lambda row, busy: {name: [{name: value}] for name, value in MESSAGES.items()},
}
INLINES: dict[type[Model], Callable[[Busy], dict[str, list[Form]]]] = {
    Client: _preferences,
    Driver: lambda busy: _weekly(busy),
    MessagePolicy: _messages,
    Series: _pauses,
}


def _added(busy: Busy) -> dict[type[Model], list[Form]]:
    """Return what is sent to the page that adds a row."""
    company = {"company": str(busy.company.pk)}
    owned = {**company, "customer": ""}
    place = both(lat=FAR_LAT, lon=FAR_LON).form
    trip = {
        **both(pickup_lat=46.2, pickup_lon=6.1, dropoff_lat=FAR_LAT, dropoff_lon=FAR_LON).form,
        **at(scheduled_time="11:00").form, **at(appointment_at="12:00").form,
        **both(client=busy.client.pk, reference="N-1").form,
        **both(pickup_address="a", dropoff_address="b").form,
        **both(passengers=60, wheelchairs=1, priority=1, needs=["hoist"], notes="x").form,
        **both(overlap_meant=True, may_share=True, max_ride_min=90).form,
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
        **both(licence_until="2030-01-01", permit_until="2030-01-01").form,
        "home_address": "Quai 1",
    }  # fmt: skip
    over = at(start_at="09:00", end_at="17:00").form
    a_break = {**both(break_min=0).form, **at(break_from_at="11:00", break_until_at="14:00").form}
    drivers = [str(row.pk) for row in (busy.anna, busy.ben, busy.chloe, busy.dan, busy.eve)]
    policy = {name: changes[0].form for name, changes in changes_of(busy.company, busy).items()}
    password = {"password1": "a long phrase 1", "password2": "a long phrase 1"}
    member = str(busy.user.memberships.get().pk)
    order = Series.objects.get(company=busy.company)
    series = {
        name: value
        for changes in changes_of(order, busy).values()
        for name, value in (changes[0].form or {}).items()
    }
    whole = {
        "client": str(busy.client.pk),
        "count": "",
        "appointment_time": "",
        "return_will_call": None,
        "since": None,
    }
    return {
        Series: [{**company, **series, **whole}],
        Company: [{k: v for form in policy.values() for k, v in form.items()}],
        Customer: [{**company, **HOSPITAL}],
        MessagePolicy: [
            {**company, **MESSAGES, **_messages(busy)["texts.text"][0]}
        ],
        Membership: [{**company, "username": "newcomer", "role": "dispatcher", "customer": ""}],
        Invitation: [
            {**company, "email": "new@example.org", "role": "dispatcher", "customer": ""}
        ],
        ApiToken: [{"membership": member, "name": "portal", "role": "", "days": "9",
                    "customer": ""}],
        User: [{"username": "newcomer", "usable_password": "true", **password}],
        Group: [{"name": "planners", "permissions": ["1"]}],
        Client: [{**owned, **both(name="Ada", phone="1", address="a", notes="x").form, **place,
                  "external_id": "P-1", "wheelchair": "on", "may_share": "on",
                  "max_ride_min": "40"}],
        CompanyPlace: [
            {**company, **both(name="HUG", address="b", **PLACE).form, "boarding_min": "100",
             "margin_min": "", "entrance": "", "notes": ""}
        ],
        Booking: [{**owned, **trip}, {**owned, **trip, "return_of": ""}],
        Driver: [driver],
        Vehicle: [{**company, **both(plate="NEW", seats=0, wheelchair_places=0).form,
                   **both(other_layouts="0+1").form,
                   **both(insurance_until="2030-01-01", inspection_until="2030-01-01").form,
                   **both(handover_lat=46.2, handover_lon=6.1, handover_address="Quai 1").form,
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
    "remove_second_factor": {},
    "accept": {},
    "cancel_selected": {},
    "weeks_of_selected": {},
    "exchange_vehicles": {},
    "revoke": {},
    "send_again": {},
    "withdraw": {},
}
