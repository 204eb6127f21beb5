"""Change trips from the pages of bookings; in this app because their drivers are freed too."""

import re

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.http import Http404
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from bookings import cancel_reasons
from bookings.admin import bookings
from bookings.models import TRANSITIONS, Booking, Status
from dispatch.admin.broken_trips import WarnsOfBrokenTrips
from dispatch.manifest import SHOWN
from dispatch.models import Assignment
from dispatch.trips import will_calls
from dispatch.trips.cancel import cancel_trips
from drivers.admin.base import ReadsPage
from drivers.admin.forms import add_refusal
from drivers.admin.pages import admin_page
from drivers.companies.actors import admin_actor
from drivers.companies.current import act_for
from drivers.refused import Refused
from drivers.times import clock

CANCELED_AT_ONCE = 100
PK = re.compile(r"[0-9]{1,18}")
SEEN = re.compile(r"([0-9]{1,18})-([0-9]{1,9})")


class ReadyForm(forms.Form):
    minutes = forms.IntegerField(
        label=_("Ready in"),
        min_value=0,
        max_value=will_calls.READY_WITHIN_MIN,
        initial=0,
        help_text=_("Minutes from now; 0 is now."),
        widget=UnfoldAdminIntegerFieldWidget(attrs={"autofocus": True}),
    )
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    anyway = forms.BooleanField(required=False)


class CancelForm(forms.Form):
    """The reason; the trips to cancel are posted as "trip": "id-version", once each."""

    code = forms.ChoiceField(
        label=_("Reason"),
        choices=[("", ""), *((str(code), code.label) for code in cancel_reasons.BEFOREHAND)],
        widget=UnfoldAdminSelectWidget,
        error_messages={"required": _("Choose a reason.")},
    )
    note = forms.CharField(
        label=_("Note"), max_length=150, required=False, widget=UnfoldAdminTextInputWidget
    )

    def reason(self):
        return cancel_reasons.written(self.cleaned_data["code"], self.cleaned_data["note"])


class BookingAdmin(ReadsPage, WarnsOfBrokenTrips, bookings.BookingAdmin):
    may_move = True
    list_before_template = "dispatch/bookings/day_bar.html"
    actions = ["accept", "cancel_selected"]
    change_form_before_template = "dispatch/bookings/row_actions.html"

    def get_urls(self):
        views = {"<int:booking>/ready/": self.ready, "cancel/<str:ids>/": self.cancel}
        own = self.admin_site.admin_view
        return [
            path(address, own(view), name=f"bookings_booking_{view.__name__}")
            for address, view in views.items()
        ] + super().get_urls()

    def get_list_display(self, request):
        return [*super().get_list_display(request), "row_actions"]

    def read_page(self, request, rows):
        """Read the drivers of the page's bookings: 1 statement."""
        drivers = drivers_of(rows)
        may_write = self.has_change_permission(request)
        for booking in rows:
            booking.company = request.company  # the list is of one company
            booking.driver_now = drivers.get(booking.pk)
            booking.may_write = may_write

    def get_object(self, request, object_id, from_field=None):
        booking = super().get_object(request, object_id, from_field)
        if booking is not None:
            booking.driver_now = drivers_of([booking]).get(booking.pk)
        return booking

    @admin.display(description=_("driver"))
    def shown_driver(self, booking):
        return getattr(booking, "driver_now", None)  # a new booking has none

    @admin.display(description=_("cancellation reason"))
    def shown_reason(self, booking):
        return cancel_reasons.read(booking.cancel_reason) or None

    @admin.display(description=_("actions"))
    def row_actions(self, booking):
        return format_html_join(
            " ",
            '<a href="{}" title="{}" aria-label="{}: {}"><span aria-hidden="true"'
            ' class="material-symbols-outlined md-18">{}</span></a>',
            (
                (action.url, action.name, action.name, booking, action.icon)
                for action in row_actions_for(booking, may_write=booking.may_write)
            ),
        )

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        if obj:
            may_write = self._has_role(request, self.writing_roles, obj)
            context["row_actions"] = row_actions_for(obj, may_write=may_write)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def ready(self, request, booking):
        """Ask when the client of a will-call is ready; open the trip for dispatch."""
        booking = self.own_booking(request, booking)
        form, early = ReadyForm(request.POST or None, initial={"version": booking.version}), None
        if form.is_valid():
            try:
                trip = will_calls.ready(
                    booking.company,
                    booking.pk,
                    actor=admin_actor(request),
                    now=timezone.now(),
                    **form.cleaned_data,
                )
            except will_calls.NotThereYet as refusal:
                early = refusal
            else:
                at = booking.company.clock(trip.booking.scheduled_time)
                text = _("%(trip)s is ready at %(at)s and open for dispatch.")
                self.message_user(request, text % {"trip": booking, "at": at}, messages.SUCCESS)
                return redirect("admin:bookings_booking_change", booking.pk)
        return admin_page(
            self,
            request,
            "dispatch/bookings/ready.html",
            title=_("%(trip)s: ready now") % {"trip": booking},
            status=early.status if early else 200,
            booking=booking,
            form=form,
            early=early,
        )

    @admin.action(description=_("Cancel the selected bookings…"), permissions=["change"])
    def cancel_selected(self, request, queryset):
        ids = list(queryset.values_list("pk", flat=True)[: CANCELED_AT_ONCE + 1])
        if not ids:
            return None
        if len(ids) > CANCELED_AT_ONCE:
            text = _("You can cancel at most %(most)d bookings at once.")
            self.message_user(request, text % {"most": CANCELED_AT_ONCE}, messages.ERROR)
            return None
        ids = ",".join(map(str, ids))
        return redirect("admin:bookings_booking_cancel", ids)

    def cancel(self, request, ids):
        """Show the bookings and their return trips; cancel the chosen ones, all or none."""
        rows = self._wanted(request, ids)
        company = rows[0].company
        seen = _seen(request.POST.getlist("trip"))
        form, status = CancelForm(request.POST or None), 200
        if form.is_valid():
            if not seen:
                form.add_error(None, _("Choose at least one trip."))
            else:
                try:
                    canceled = cancel_trips(
                        company,
                        seen,
                        reason=form.reason(),
                        actor=admin_actor(request),
                        now=timezone.now(),
                    )
                except Refused as refusal:
                    add_refusal(form, refusal)
                    status = refusal.status
                else:
                    text = ngettext(
                        "%(count)d booking canceled.", "%(count)d bookings canceled.", len(canceled)
                    )
                    self.message_user(request, text % {"count": len(canceled)}, messages.SUCCESS)
                    if len(rows) > 2:
                        return redirect("admin:bookings_booking_changelist")
                    return redirect("admin:bookings_booking_change", rows[0].pk)
        wanted = {row.pk for row in rows}
        others = _other_directions(rows)
        return admin_page(
            self,
            request,
            "dispatch/bookings/cancel.html",
            title=_("Cancel bookings"),
            status=status,
            form=form,
            trips=[
                {
                    "booking": row,
                    "chosen": row.pk in (seen or wanted),
                    "other": row.pk not in wanted,
                    "open": Status.CANCELED in TRANSITIONS[Status(row.status)],
                }
                for row in sorted([*rows, *others], key=lambda row: (row.scheduled_time, row.pk))
            ],
        )

    def _wanted(self, request, ids):
        ids = ids.split(",")
        if len(ids) > CANCELED_AT_ONCE or not all(PK.fullmatch(pk) for pk in ids):
            raise Http404
        found = self.writable_bookings(request).filter(pk__in=[int(pk) for pk in ids])
        rows = list(found.order_by("pk"))
        if len(rows) != len(set(ids)) or len({row.company_id for row in rows}) != 1:
            raise Http404
        act_for(request, rows[0].company_id)
        return rows


class RowAction:
    """An action on a booking, with the page where it is confirmed."""

    def __init__(self, name, icon, url, *, danger=False):
        self.name, self.icon, self.url, self.danger = name, icon, url, danger


def drivers_of(bookings):
    """Return {booking: its driver with the planned pickup, as text}: 1 statement."""
    rows = Assignment.objects.filter(
        booking_id__any_of=[booking.pk for booking in bookings], status__in=SHOWN
    ).order_by("id")
    return {
        booking: f"{driver}, {clock(timezone.localtime(pickup_at))}"
        for booking, driver, pickup_at in rows.values_list(
            "booking_id", "driver__name", "planned_pickup_at"
        )
    }


def on_the_board(booking):
    """Return the way to the trip on the board of its day: no statement beside its company."""
    day = booking.company.local(booking.scheduled_time).date()
    board = reverse("admin:board:day", args=[booking.company.slug, day])
    return RowAction(_("On the board"), "view_timeline", f"{board}?trip={booking.pk}")


def row_actions_for(booking, *, may_write):
    """Return the actions that the user's role and the booking's status allow: no statement."""
    found = [on_the_board(booking)]
    if not may_write:
        return found
    if booking.will_call and booking.status == Status.PENDING:
        url = reverse("admin:bookings_booking_ready", args=[booking.pk])
        found.append(RowAction(_("Ready now"), "phone_callback", url))
    url = reverse("admin:bookings_booking_duplicate", args=[booking.pk])
    found.append(RowAction(_("Book on other days…"), "event_repeat", url))
    url = f"{reverse('admin:bookings_series_add')}?booking={booking.pk}"
    found.append(RowAction(_("Repeat as a standing order…"), "repeat", url))
    if Status.CANCELED in TRANSITIONS[Status(booking.status)]:
        url = reverse("admin:bookings_booking_cancel", args=[booking.pk])
        found.append(RowAction(_("Cancel…"), "event_busy", url, danger=True))
    return found


def _other_directions(bookings):
    """Return the outward and return trips of the bookings, without themselves: 1 statement."""
    ids = {booking.pk for booking in bookings}
    there = {booking.return_of_id for booking in bookings} - {None}
    rows = Booking.objects.filter(Q(return_of__in=ids) | Q(pk__in=there)).exclude(pk__in=ids)
    return rows.select_related("client").order_by("pk")


def _seen(texts):
    """Parse texts such as "12-3" into {booking: version}; skip invalid ones."""
    found = [SEEN.fullmatch(text) for text in texts]
    return {int(match[1]): int(match[2]) for match in found if match}
