"""The admin page that books a trip on other days."""

from datetime import timedelta
from functools import partial

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from bookings.admin.overlaps import ConfirmsOverlaps
from bookings.duplicate import AHEAD, duplicate
from bookings.models import Status
from bookings.overlaps import insist
from drivers.admin.fields import DayField
from drivers.admin.pages import admin_page
from drivers.admin.weeks import DayInput
from drivers.companies.actors import admin_actor
from drivers.models import Weekday

SHOWN = 10


class DuplicateForm(ConfirmsOverlaps, forms.Form):
    """The days, and whether to book the return trip; `cleaned_data["days"]` is a set of dates."""

    days = forms.CharField(
        label=gettext_lazy("Days"),
        required=False,
        help_text=gettext_lazy("For example 2026-06-18, 2026-06-25."),
        widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True}),
    )
    first = DayField(label=gettext_lazy("and every day from"), required=False, widget=DayInput)
    last = DayField(label=gettext_lazy("until (inclusive)"), required=False, widget=DayInput)
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("only on"),
        choices=Weekday.choices,
        coerce=int,
        required=False,
        help_text=gettext_lazy("Leave empty for every day."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    way_back = forms.BooleanField(
        label=gettext_lazy("Include the return trip"), required=False, widget=UnfoldBooleanWidget
    )

    def clean_days(self):
        words = self.cleaned_data["days"].replace(",", " ").split()
        days = set()
        for word in words:
            try:
                day = parse_date(word)
            except ValueError:
                day = None
            if day is None:
                message = _("“%(word)s” is not a date: write dates like 2026-06-18.")
                raise forms.ValidationError(message % {"word": word[:40]})
            days.add(day)
        return days

    def clean(self):
        values = super().clean()
        first, last = values.get("first"), values.get("last")
        if (first is None) != (last is None) and not self.errors.keys() & {"first", "last"}:
            self.add_error("last" if first else "first", _("Enter both days or neither."))
        elif first and last and not 0 <= (last - first).days <= AHEAD.days:
            self.add_error("last", _("Enter a day from the first day to one year after it."))
        elif first and last and "days" in values:
            every = (first + timedelta(days=n) for n in range((last - first).days + 1))
            weekdays = values.get("weekdays")
            values["days"] |= {day for day in every if not weekdays or day.weekday() in weekdays}
        return values


class DuplicatesBookings:
    """Add the page to `BookingAdmin`, which finds the bookings that the user may write."""

    def get_urls(self):
        view = self.admin_site.admin_view(self.duplicate)
        address = "<int:booking>/duplicate/"
        return [path(address, view, name="bookings_booking_duplicate"), *super().get_urls()]

    def duplicate(self, request, booking):
        """Show the form; on POST book all copies or none."""
        booking = self.own_booking(request, booking)
        backs = self.writable_bookings(request).filter(return_of=booking)
        back = backs.exclude(status=Status.CANCELED).first()
        form = DuplicateForm(request.POST or None, initial={"way_back": back is not None})
        if form.is_valid():
            values = form.cleaned_data
            try:
                book = partial(
                    duplicate,
                    booking,
                    values["days"],
                    actor=admin_actor(request),
                    now=timezone.now(),
                    way_back=back if values["way_back"] else None,
                    far_meant=form.far_meant,
                )
                made = insist(form.overlaps_meant, lambda meant: book(overlap_meant=meant))
            except ValidationError as refusal:
                form.add_error("days", refusal.error_dict["days"])
            else:
                self.message_user(request, _booked_message(made), messages.SUCCESS)
                return redirect("admin:bookings_booking_change", booking.pk)
        return admin_page(
            self,
            request,
            "bookings/duplicate.html",
            title=_("Book %(trip)s on other days") % {"trip": booking},
            booking=booking,
            back=back,
            form=form,
        )


def _booked_message(made):
    message = ngettext("Booked on %(count)d day:", "Booked on %(count)d days:", len(made))
    links = format_html_join(
        ", ",
        '<a class="underline" href="{}">{}</a>',
        (
            (
                reverse("admin:bookings_booking_change", args=[booking.pk]),
                timezone.localtime(booking.scheduled_time).date().isoformat(),
            )
            for booking in made[:SHOWN]
        ),
    )
    more = " …" if len(made) > SHOWN else ""
    return format_html("{} {}{}", message % {"count": len(made)}, links, more)
