"""The form of a telephone booking; times are local to the company."""

from datetime import time
from functools import partial
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from bookings import parsing
from bookings.admin.overlaps import ConfirmsOverlaps
from bookings.doubles import like
from bookings.models import Booking, Client, DriverPreference, Status
from bookings.order import is_wanted_after, out_of_order
from bookings.pickup_times import caveat, needs_one
from bookings.places.search import place_at
from bookings.telephone import Call
from drivers.admin.fields import ClockField, DayField, moment_on
from drivers.admin.places import PlaceInput
from drivers.admin.weeks import DayInput
from drivers.models import Customer, Driver
from drivers.phones import person_key

SHOWN = 5  # probable doubles
COMPUTED = gettext_lazy("For example 08:30, 8h30 or 830; empty: computed from the appointment.")
COORDINATES = gettext_lazy("Only needed for a new address.")


class ReadField(forms.CharField):
    """A text that a reader of `bookings.parsing` turns into a value; None if empty."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, read, **kwargs):
        self.read = read
        super().__init__(**kwargs)

    def clean(self, value):
        value = super().clean(value)
        try:
            return self.read(value) if value else None
        except parsing.BadValueError as error:
            raise forms.ValidationError(capfirst(str(error))) from None


def _line(at_most, **options):
    return ReadField(partial(parsing.text, at_most=at_most), **options)


def _address(label):
    return _line(200, label=label, widget=PlaceInput)


def _degrees(read, label):
    return ReadField(read, label=label, required=False, help_text=COORDINATES)


def _people(label, *, least):
    read = partial(parsing.people, least=least, default=least)
    return ReadField(read, label=label, initial=least)


def _clock(label, **options):
    return forms.CharField(label=label, max_length=40, widget=UnfoldAdminTextInputWidget, **options)


class TelephoneForm(ConfirmsOverlaps, forms.Form):
    """The client, places and times of a trip; `call()` returns the argument of `telephone.book`.

    A new client who may be a known one is asked about (`asks_who`).
    """

    asks_who = False

    client = forms.ModelChoiceField(Client.objects.none(), required=False, widget=forms.HiddenInput)
    new_name = _line(100, label=gettext_lazy("Name"), required=False)
    new_phone = _line(40, label=gettext_lazy("Phone"), required=False)
    new_customer = forms.ModelChoiceField(
        Customer.objects.none(),
        label=gettext_lazy("Customer"),
        required=False,
        help_text=gettext_lazy("Who books for this person; the default customer if empty."),
        widget=UnfoldAdminSelectWidget,
    )
    another_person = forms.BooleanField(
        label=gettext_lazy("It is another person than those named"),
        required=False,
        widget=UnfoldBooleanWidget,
    )
    new_wheelchair = forms.BooleanField(
        label=gettext_lazy("Travels in a wheelchair"), required=False, widget=UnfoldBooleanWidget
    )
    new_at_home = forms.BooleanField(
        label=gettext_lazy("The pickup address is their home"),
        required=False,
        widget=UnfoldBooleanWidget,
    )
    pickup_address = _address(gettext_lazy("From"))
    pickup_lat = _degrees(parsing.latitude, gettext_lazy("Latitude"))
    pickup_lon = _degrees(parsing.longitude, gettext_lazy("Longitude"))
    dropoff_address = _address(gettext_lazy("To"))
    dropoff_lat = _degrees(parsing.latitude, gettext_lazy("Latitude"))
    dropoff_lon = _degrees(parsing.longitude, gettext_lazy("Longitude"))
    day = DayField(label=gettext_lazy("Day"), widget=DayInput)
    pickup_at = _clock(gettext_lazy("Pickup at"), required=False, help_text=COMPUTED)
    appointment_at = _clock(
        gettext_lazy("Appointment at"),
        required=False,
        help_text=gettext_lazy("When the client must arrive, if there is an appointment."),
    )
    return_at = _clock(
        gettext_lazy("Return pickup at"),
        required=False,
        help_text=gettext_lazy("Leave empty for no return trip."),
    )
    return_will_call = forms.BooleanField(
        label=gettext_lazy("Return trip: will call"),
        required=False,
        help_text=gettext_lazy("The return pickup time, if given, is then the earliest."),
        widget=UnfoldBooleanWidget,
    )
    passengers = _people(gettext_lazy("Passengers"), least=1)
    wheelchairs = _people(gettext_lazy("Wheelchairs"), least=0)
    priority = forms.TypedChoiceField(
        label=gettext_lazy("Priority"),
        choices=Booking.Priority.choices,
        coerce=int,
        initial=Booking.Priority.NORMAL,
        widget=UnfoldAdminSelectWidget,
    )
    driver = forms.ModelChoiceField(
        Driver.objects.none(),
        label=gettext_lazy("Preferred driver"),
        required=False,
        help_text=gettext_lazy("Saved for the client's later trips too."),
        widget=UnfoldAdminSelectWidget,
    )
    notes = ReadField(
        parsing.long_text,
        label=gettext_lazy("Notes"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )

    def __init__(self, *args, company, **kwargs):
        super().__init__(*args, **kwargs)
        self.company = company
        self.fields["client"].queryset = Client.objects.filter(company=company)
        customers = Customer.objects.filter(company=company).order_by("name", "id")
        choice: Any = self.fields["new_customer"]
        choice.queryset = customers
        self.fields["pickup_at"].help_text = " ".join(filter(None, (str(COMPUTED), caveat())))
        for end in ("pickup", "dropoff"):
            self.fields[f"{end}_address"].widget.search_for(company)
        drivers = Driver.objects.filter(company=company, is_active=True)
        self.fields["driver"].queryset = drivers.order_by("name", "id")

    @property
    def has_customers(self):
        """Whether there is a customer to choose: 1 statement."""
        choice: Any = self.fields["new_customer"]
        return len(choice.queryset[:2]) > 1

    def clean_day(self):
        day = self.cleaned_data["day"]
        today = timezone.localdate(timezone=self.company.zone)
        if day < today:
            raise forms.ValidationError(
                _("This day is in the past: enter %(today)s or later.")
                % {"today": today.isoformat()}
            )
        return day

    def clean(self):
        values = super().clean()
        self._client(values)
        for end in ("pickup", "dropoff"):
            self._place(values, end)
        if "day" in values:
            for name in ("pickup_at", "appointment_at", "return_at"):
                self._moment(values, name)
        self._order(values)
        if (values.get("wheelchairs") or 0) > (values.get("passengers") or 1):
            most = _("Enter at most the number of passengers: each wheelchair user is a passenger.")
            self.add_error("wheelchairs", most)
        return values

    def call(self, overlap_meant):
        """Return the Call of a valid form."""
        values: Any = self.cleaned_data
        names = ("passengers", "wheelchairs", "priority", "appointment_at")
        ends = [f"{end}_{what}" for end in ("pickup", "dropoff") for what in WHERE]
        booking = Booking(
            company=self.company,
            scheduled_time=values["pickup_at"],
            notes=values["notes"] or "",
            **{name: values[name] for name in (*names, *ends)},
        )
        booking.far_meant, booking.overlap_meant = self.far_meant, overlap_meant
        client = values["client"] or self._new_client(values)
        return_at, will_call = values["return_at"], values["return_will_call"]
        if will_call and return_at is None:
            return_at = values["appointment_at"] or values["pickup_at"]
        return Call(booking, client, values["driver"], return_at, will_call)

    def asked_about(self, now):
        """Return the trip of a form that is being filled in, None until both ends are known.

        Without a pickup and an appointment it is wanted soon, on a later day in the morning.
        """
        self.is_valid()
        values: Any = self.cleaned_data
        places = {f"{end}_{what}": values.get(f"{end}_{what}") for end in ENDS for what in WHERE}
        if "day" not in values or None in places.values():
            return None
        wanted_at, due_at = values.get("pickup_at"), values.get("appointment_at")
        if wanted_at is None and due_at is None:
            wanted_at = max(now, moment_on(values["day"], MORNING, self.company.zone))
        return Booking(
            company=self.company,
            client=values.get("client"),
            status=Status.ACCEPTED,
            scheduled_time=wanted_at,
            appointment_at=due_at,
            passengers=values.get("passengers") or 1,
            wheelchairs=values.get("wheelchairs") or 0,
            **places,
        )

    def _new_client(self, values):
        home = {}
        if values["new_at_home"]:
            home = {what: values[f"pickup_{what}"] for what in WHERE}
        client = Client(
            company=self.company,
            customer=values["new_customer"] or self.company.default_customer,
            name=values["new_name"],
            phone=values["new_phone"] or "",
            wheelchair=values["new_wheelchair"],
            **home,
        )
        client.far_meant = True  # the home is the pickup, about which the booking asks
        return client

    def _client(self, values):
        if values.get("client") or self.errors.keys() & {"client", "new_name", "new_phone"}:
            return
        name = values.get("new_name")
        if not name:
            self.add_error("client", _("Choose a client or enter the name of a new one."))
            return
        phone = values.get("new_phone") or ""
        owner = values.get("new_customer") or self.company.default_customer
        known = like(self.company, owner, name, phone)
        if not known:
            return
        key = person_key(name, phone, self.company.timezone)
        if (known[0].folded_name, known[0].phone_key) == key:
            exists = _("A client with this name and phone already exists: choose them above.")
            self.add_error("new_name", exists)
        elif not values.get("another_person"):
            self.asks_who = True
            named = ", ".join(f"{row.name} {row.phone}".strip() for row in known[:SHOWN])
            asked = _("This may be %(clients)s: choose them above, or confirm another person.")
            self.add_error("new_name", asked % {"clients": named})

    def _place(self, values, end):
        """Fill in known coordinates of an address without any."""
        address, lat, lon = (values.get(f"{end}_{what}") for what in WHERE)
        if not address or self.errors.keys() & {f"{end}_lat", f"{end}_lon"}:
            return
        if (lat is None) != (lon is None):
            missing = f"{end}_lat" if lat is None else f"{end}_lon"
            self.add_error(missing, _("Enter both coordinates or neither."))
        elif lat is None:
            place = place_at(self.company, address)
            if place is None:
                unknown = _(
                    "This address is not known: choose one that is offered, or enter its latitude "
                    "and longitude."
                )
                self.add_error(f"{end}_address", unknown)
            else:
                values |= {f"{end}_lat": place.lat, f"{end}_lon": place.lon}

    def _moment(self, values, name):
        """Turn a time on the chosen day, or a full date and time, into a datetime."""
        if not values.get(name):
            values[name] = None
            return
        text, zone = values[name], self.company.zone
        try:
            if "t" in text.lower():
                values[name] = parsing.moment(text, zone=zone)
            else:
                values[name] = moment_on(values["day"], ClockField().clean(text), zone)
        except parsing.BadValueError as error:
            self.add_error(name, capfirst(str(error)))
        except forms.ValidationError as error:
            self.add_error(name, error)

    def _order(self, values):
        times = ("pickup_at", "appointment_at")
        if not any(values.get(name) or name in self.errors for name in times):
            self.add_error("pickup_at", needs_one())
        if "day" not in values:
            return
        pickup_at, appointment_at, return_at = (
            values.get(name) for name in ("pickup_at", "appointment_at", "return_at")
        )
        if pickup_at and self.company.local(pickup_at).date() != values["day"]:
            self.add_error("pickup_at", _("This time is not on the day entered above."))
        if pickup_at and appointment_at and appointment_at <= pickup_at:
            self.add_error("appointment_at", _("Enter a time after the pickup."))
        there_at = pickup_at or appointment_at
        if there_at and return_at and not is_wanted_after(return_at, there_at, appointment_at):
            self.add_error("return_at", out_of_order())


WHERE = ("address", "lat", "lon")
ENDS = ("pickup", "dropoff")
MORNING = time(8)


def preferences_of(client):
    """Return (names of preferred drivers, names of forbidden ones): 1 statement."""
    rows = DriverPreference.objects.filter(client=client).order_by("driver__name", "id")
    named = list(rows.values_list("kind", "driver__name"))
    kinds = DriverPreference.Kind.PREFERRED, DriverPreference.Kind.FORBIDDEN
    return tuple([name for kind, name in named if kind == wanted] for wanted in kinds)
