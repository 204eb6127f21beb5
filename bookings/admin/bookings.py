"""Admin pages of bookings, webhooks and deliveries."""

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from bookings.accept import accept_all
from bookings.admin.duplicate import DuplicatesBookings
from bookings.admin.exporting import ExportsBookings
from bookings.admin.importing import ImportsBookings
from bookings.admin.list_filters import (
    CustomerFilter,
    DriverFilter,
    TripDayFilter,
    WheelchairFilter,
    days_asked,
    search,
)
from bookings.admin.telephone import BooksByTelephone
from bookings.guards import Agreed
from bookings.history import history_of, messages_of, newest_first
from bookings.models import (
    SETTLED_STATUSES,
    Booking,
    Delivery,
    Status,
    Webhook,
)
from bookings.overlaps import check_overlap
from bookings.own_places import recognise
from bookings.pickup_times import caveat, settle_pickup
from bookings.save import check_order, save_booking
from drivers.admin.base import (
    CompanyScopedAdmin,
    ListsOneCompany,
    OfCustomerAdmin,
    ReadOnlyAdmin,
)
from drivers.admin.fields import WordsField
from drivers.admin.fleet import PK
from drivers.admin.places import PlaceInput
from drivers.companies.actors import admin_actor
from drivers.companies.current import act_for
from drivers.companies.roles import companies_of
from drivers.models import Role
from drivers.times import clock

REFUSED_SHOWN = 10


# (icon, colours) of a status, which is written out beside it.
STATUS_LOOKS = {
    Status.PENDING: ("hourglass_empty", "bg-base-100 text-base-700"),
    Status.ACCEPTED: ("inbox", "bg-orange-100 text-orange-700"),
    Status.ASSIGNED: ("person_check", "bg-blue-100 text-blue-700"),
    Status.EN_ROUTE: ("directions_car", "bg-blue-100 text-blue-700"),
    Status.IN_PROGRESS: ("airline_seat_recline_normal", "bg-primary-100 text-primary-700"),
    Status.COMPLETED: ("check_circle", "bg-green-100 text-green-700"),
    Status.CANCELED: ("cancel", "bg-base-100 text-base-700"),
    Status.NO_SHOW: ("person_off", "bg-red-100 text-red-700"),
}


class BookingForm(forms.ModelForm):
    """A booking with the version the user saw, so that no other change is overwritten."""

    class Meta:
        widgets = {"pickup_address": PlaceInput, "dropoff_address": PlaceInput}
        help_texts = {
            "reference": _("The customer's own number; unique for the customer."),
            "scheduled_time": _("Empty: computed from the appointment."),
            "appointment_at": _("When the client must arrive, if there is an appointment."),
            "return_of": _("The id of the outbound trip, if this is the return trip."),
            "passengers": _("Everyone on board, including wheelchair users."),
            "wheelchairs": _("How many of the passengers travel in a wheelchair."),
            "needs": _("What the vehicle or the driver must provide, separated by commas."),
        }

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "scheduled_time" in self.fields:
            field = self.fields["scheduled_time"]
            field.required = False
            field.help_text = " ".join(filter(None, (str(field.help_text), caveat())))
        if self.instance.pk:
            self.fields["seen_version"].required = True
            self.initial["seen_version"] = self.instance.version

    def clean(self):
        cleaned = super().clean()
        seen = cleaned.get("seen_version")
        if self.instance.pk and seen is not None and seen != self.instance.version:
            raise forms.ValidationError(self._stale_message(), code="stale")
        return cleaned

    def _post_clean(self):
        super()._post_clean()
        if not self.errors:
            try:
                if self.instance.scheduled_time is None:
                    recognise(self.instance.company, [self.instance])
                    settle_pickup(self.instance, now=timezone.now())
                check_order(self.instance, set(self.changed_data))
                check_overlap(self.instance, set(self.changed_data))
            except forms.ValidationError as error:
                self._update_errors(error)

    def _stale_message(self):
        latest = next(iter(history_of(self.instance.company, self.instance.pk, most=1)), None)
        if latest is None:
            return _(
                "Nothing was saved: someone else has changed this booking. Reload "
                "it and make your change again."
            )
        changes = "; ".join(f"{c.field}: {c.old} → {c.new}" for c in latest.changes)
        return _(
            "Nothing was saved: %(who)s changed this booking at %(at)s (%(changes)s). "
            "Reload it and make your change again."
        ) % {
            "who": latest.who or latest.door,
            "at": clock(timezone.localtime(latest.at)),
            "changes": changes,
        }


class BookingAdmin(
    BooksByTelephone,
    DuplicatesBookings,
    ImportsBookings,
    ExportsBookings,
    ListsOneCompany,
    OfCustomerAdmin,
    CompanyScopedAdmin,
):
    """Bookings are never deleted: they are canceled, and stay in the log.

    `dispatch.admin.bookings` registers it, because it knows the drivers of bookings
    (`shown_driver`) and the reasons for which one is canceled (`shown_reason`).
    """

    list_display = [
        "shown_reference", "shown_time", "client", "shown_route", "shown_passengers",
        "shown_driver", "shown_status",
    ]  # fmt: skip
    list_select_related = ["client"]
    list_filter = [
        TripDayFilter,
        "status",
        CustomerFilter,
        WheelchairFilter,
        DriverFilter,
        "priority",
    ]
    search_fields = ["reference"]
    search_help_text = _(
        "Within the chosen days: client, phone, reference or place. Across all days: "
        "client, phone, the client's address or the full reference."
    )
    sortable_by = ["shown_time"]
    list_max_show_all = 0
    form = BookingForm
    autocomplete_fields = ["client"]
    raw_id_fields = ["return_of"]
    # Changed by use-cases only.
    readonly_fields = [
        "status", "will_call", "pickup_computed", "shown_driver", "shown_reason", "version",
        "created_at", "updated_at",
    ]  # fmt: skip
    formfield_overrides = {
        models.JSONField: {"form_class": WordsField, "widget": UnfoldAdminTextInputWidget},
        models.TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})},
    }
    compressed_fields = True
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("company", "customer"),
                    ("client", "reference"),
                    "overlap_meant",
                    "seen_version",
                ]
            },
        ),
        (
            _("From"),
            {
                "fields": ["pickup_address", ("pickup_lat", "pickup_lon")],
                "description": _("Address, and coordinates in degrees such as 46.1936 and 6.1487."),
            },
        ),
        (_("To"), {"fields": ["dropoff_address", ("dropoff_lat", "dropoff_lon")]}),
        (
            _("When"),
            {
                "fields": [
                    "scheduled_time",
                    "appointment_at",
                    "pickup_computed",
                    ("will_call", "return_of"),
                ]
            },
        ),
        (
            _("How"),
            {
                "fields": [
                    ("passengers", "wheelchairs"),
                    ("may_share", "max_ride_min"),
                    "priority",
                    "needs",
                    "notes",
                ]
            },
        ),
        (
            _("State"),
            {"fields": [("status", "shown_driver"), "shown_reason", "created_at", "updated_at"]},
        ),
    ]
    change_form_after_template = "bookings/history.html"

    actions = ["accept"]

    def get_ordering(self, request):
        """Order the chosen days as they are driven, and all days newest first."""
        newest_first = days_asked(request.GET) == "all"
        return ["-scheduled_time", "-id"] if newest_first else ["scheduled_time", "id"]

    def get_search_results(self, request, queryset, search_term):
        if not search_term.strip():
            return queryset, False
        zone = timezone.get_current_timezone()
        company, params = request.company, request.GET
        return search(queryset, search_term, company=company, params=params, zone=zone), False

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        context["history"] = (
            newest_first(history_of(obj.company, obj.pk), messages_of(obj.company, obj.pk))
            if obj
            else []
        )
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @admin.display(description=_("reference"))
    def shown_reference(self, booking):
        return str(booking)

    @admin.display(description=_("requested pickup"), ordering="scheduled_time")
    def shown_time(self, booking):
        if booking.will_call:
            day = timezone.localtime(booking.scheduled_time)
            return _("%(day)s, will call") % {"day": date_format(day, "SHORT_DATE_FORMAT")}
        return booking.scheduled_time

    @admin.display(description=_("route"))
    def shown_route(self, booking):
        """Show both places in one line: without what comes after the comma, such as the town."""
        ends = [booking.pickup_address, booking.dropoff_address]
        pickup, dropoff = (end.partition(",")[0] or "–" for end in ends)
        return format_html(
            '<span class="block truncate" style="max-width: 24rem" title="{}">{} → {}</span>',
            " → ".join(ends), pickup, dropoff,
        )  # fmt: skip

    @admin.display(description=_("passengers"))
    def shown_passengers(self, booking):
        if not booking.wheelchairs:
            return booking.passengers
        return format_html(
            '{} <span role="img" aria-label="{}" title="{}"'
            ' class="material-symbols-outlined md-18">accessible</span> {}',
            booking.passengers, _("wheelchairs"), _("wheelchairs"), booking.wheelchairs,
        )  # fmt: skip

    @admin.display(description=_("status"))
    def shown_status(self, booking):
        icon, colours = STATUS_LOOKS[booking.status]
        name = booking.get_status_display()
        if booking.will_call and booking.status == Status.PENDING:
            icon, colours, name = "phone_callback", "bg-orange-100 text-orange-700", _("will call")
        return format_html(
            '<span class="inline-flex items-center gap-1 px-2 rounded whitespace-nowrap {}">'
            '<span class="material-symbols-outlined md-18" aria-hidden="true">{}</span>{}</span>',
            colours, icon, name,
        )  # fmt: skip

    def has_delete_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        settled = obj is not None and obj.status in SETTLED_STATUSES
        return not settled and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request, obj=None):
        fixed = super().get_readonly_fields(request, obj)
        return [*fixed, "return_of"] if obj else fixed

    def save_model(self, request, obj, form, change):
        if not change:
            obj.status = Status.ACCEPTED  # a booking entered by staff needs no acceptance
        else:
            obj.version = form.cleaned_data["seen_version"]
        agreed = Agreed(
            **{
                way: frozenset(int(pk) for pk in request.POST.getlist(way) if PK.fullmatch(pk))
                for way in ("release", "move")
            }
        )
        save_booking(obj, actor=admin_actor(request), now=timezone.now(), agreed=agreed)

    def own_booking(self, request, pk):
        """Return a booking of a company where the user may write; any other is 404."""
        booking = get_object_or_404(self.writable_bookings(request), pk=pk)
        act_for(request, booking.company_id)
        return booking

    def writable_bookings(self, request):
        companies = companies_of(request.user, self.writing_roles)
        rows = Booking.objects.filter(company__in=companies)
        return rows.select_related("company", "client", "pickup_place", "dropoff_place")

    @admin.action(description=_("Accept the selected bookings"), permissions=["change"])
    def accept(self, request, queryset):
        accepted, refused = accept_all(
            queryset.values_list("pk", flat=True), actor=admin_actor(request), now=timezone.now()
        )
        for sentence in refused[:REFUSED_SHOWN]:
            self.message_user(request, sentence, messages.ERROR)
        if len(refused) > REFUSED_SHOWN:
            more = _("%(count)d more could not be accepted.")
            count = len(refused) - REFUSED_SHOWN
            self.message_user(request, more % {"count": count}, messages.ERROR)
        done = ngettext(
            "%(count)d booking accepted.", "%(count)d bookings accepted.", len(accepted)
        )
        self.message_user(request, done % {"count": len(accepted)})


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Read-only: owners create and change webhooks over the API, which shows the secret once."""

    reading_roles = frozenset({Role.OWNER})
    list_display = ["url", "payload", "is_active", "disabled_reason", "rests_until", "company"]
    list_select_related = ["company"]
    ordering = ["company", "id"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    reading_roles = frozenset({Role.OWNER})
    company_path = "webhook__company"
    list_display = ["event_id", "webhook", "status", "attempts", "last_code", "last_ms", "last_at"]
    list_select_related = ["webhook"]
    list_filter = ["status"]
    ordering = ["-id"]
