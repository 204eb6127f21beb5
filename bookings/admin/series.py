"""Admin pages of standing orders: every change shows its dates before it is saved."""

import hashlib
import json
from copy import copy
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from bookings.admin.importing_series import ImportsSeries
from bookings.models import Actor, Booking, Client, Door, Pause, Series
from bookings.models.series import mask_of
from bookings.series.change import change_series, create_series, end_pause, pause
from bookings.series.foresee import today
from bookings.series.make import dates_shown
from bookings.series.overlaps import overlaps_of
from bookings.series.template import Template, read_templates
from drivers.admin.base import CompanyScopedAdmin, ListsOneCompany, ScopedInline
from drivers.admin.fields import DayField, WordsField
from drivers.admin.fleet import PK
from drivers.admin.places import PlaceInput
from drivers.admin.weeks import DayInput
from drivers.companies.actors import admin_actor
from drivers.models import Driver, Weekday

REVIEWED, RELEASE = "reviewed", "release"
COPIED = (
    "client", "pickup_address", "pickup_lat", "pickup_lon", "dropoff_address", "dropoff_lat",
    "dropoff_lon", "passengers", "wheelchairs", "may_share", "max_ride_min", "needs", "priority",
    "notes",
)  # fmt: skip


class SeriesForm(forms.ModelForm):
    """A standing order, and from which date on it changes; saved once its list was seen."""

    class Meta:
        widgets = {"pickup_address": PlaceInput, "dropoff_address": PlaceInput}
        help_texts = {
            "needs": gettext_lazy(
                "What the vehicle or the driver must provide, separated by commas."
            ),
            "appointment_time": gettext_lazy(
                "When the client must arrive, if there is an appointment."
            ),
        }

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Weekdays"),
        choices=Weekday.choices,
        coerce=int,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    since = DayField(
        label=gettext_lazy("Change from"),
        required=False,
        widget=DayInput,
        help_text=gettext_lazy(
            "A date of the order: it ends before, and a new one begins there. Leave empty to "
            "change all coming dates."
        ),
    )
    review = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "weekdays" in self.fields:  # who only reads has none
            self.initial["weekdays"] = self.instance.weekday_numbers or self.initial.get("weekdays")
            self.initial["seen_version"] = self.instance.version
        if self.instance.pk is None:
            self.fields.pop("since", None)

    def clean_weekdays(self):
        return mask_of(self.cleaned_data["weekdays"])

    @property
    def seal(self):
        """The digest of what was entered: a list that was seen belongs to it."""
        apart = ("csrfmiddlewaretoken", REVIEWED, RELEASE)
        data: Any = self.data
        entered = sorted((name, values) for name, values in data.lists() if name not in apart)
        return hashlib.sha256(json.dumps(entered).encode()).hexdigest()[:24]

    def full_clean(self):
        super().full_clean()
        if not self.is_bound or self.errors:
            return
        if self.instance.pk:
            self.instance.version = self.cleaned_data["seen_version"] or 0
        elif not self.instance.company_id:
            return
        if self.data.get(REVIEWED) == self.seal:
            return
        try:
            self.review = review_of(self.instance, self.cleaned_data.get("since"))
        except ValidationError as error:
            self.add_error(None, error)
        else:
            text = _("Nothing is saved yet: check the dates above, then save again.")
            self.add_error(None, forms.ValidationError(text, code="review"))


def review_of(series, since):
    """Return what the page shows before it saves: the next dates, and what becomes of booked ones.

    Raises ValidationError, or what the use-case refuses.
    """
    now, row = timezone.now(), copy(series)
    foreseen = None
    if row.pk:
        nobody = Actor(Door.ADMIN)  # nothing is written
        foreseen = change_series(row, since=since, actor=nobody, now=now, dry_run=True)
        (template,) = read_templates(row.company, [row])
    else:
        template = Template(row, row.company)
    day = today(row.company, now)
    return {
        "dates": dates_shown(template, max(day, row.first_day)),
        "overlaps": foreseen.overlaps if foreseen else overlaps_of(template, day, now),
        "rows": [one for one in foreseen.rows if one.outcome != "unchanged"] if foreseen else (),
        "broken": foreseen.broken if foreseen else (),
        "counts": foreseen.counts() if foreseen else {},
    }


class PauseInline(ScopedInline):
    """The pauses of an order, or of all orders of a client; `SavesPauses` stores them."""

    model = Pause
    extra = 0
    fields = ["first_day", "last_day", "note"]
    ordering = ["first_day", "id"]

    def has_change_permission(self, request, obj=None):
        return False  # deleted and added instead


class SavesPauses(CompanyScopedAdmin):
    """Let the formset of pauses cancel and book dates, for the admin of their parent."""

    def save_formset(self, request, form, formset, change):
        if formset.model is not Pause:
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)
        actor, now = admin_actor(request), timezone.now()
        canceled = made = 0
        for gone in formset.deleted_objects:
            made += end_pause(gone, actor=actor, now=now)
        for new in formset.new_objects:
            new.company = form.instance.company
            foreseen = pause(new, actor=actor, now=now)
            canceled += foreseen.counts()["canceled"]
        if canceled:
            text = ngettext("%(count)d trip canceled.", "%(count)d trips canceled.", canceled)
            self.message_user(request, text % {"count": canceled}, messages.WARNING)
        if made:
            text = ngettext("%(count)d trip booked.", "%(count)d trips booked.", made)
            self.message_user(request, text % {"count": made}, messages.SUCCESS)


@admin.register(Series)
class SeriesAdmin(ImportsSeries, ListsOneCompany, SavesPauses):
    """Standing orders are never deleted: they end."""

    form = SeriesForm
    list_display = ["shown_rhythm", "client", "shown_route", "first_day", "shown_end", "driver"]
    list_select_related = ["client", "driver"]
    search_fields = ["client__searched"]
    ordering = ["-id"]
    autocomplete_fields = ["client"]
    compressed_fields = True
    change_form_before_template = "bookings/series_review.html"
    formfield_overrides = {
        models.TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})},
        models.JSONField: {"form_class": WordsField, "widget": UnfoldAdminTextInputWidget},
    }
    fieldsets: ClassVar[Any] = [
        (None, {"fields": ["seen_version", "company", "client", "since"]}),
        (
            gettext_lazy("Rhythm"),
            {
                "fields": [
                    "weekdays",
                    ("pickup_time", "appointment_time"),
                    ("return_time", "return_will_call"),
                    ("every_weeks", "first_day"),
                    ("last_day", "count"),
                    "skips_holidays",
                ]
            },
        ),
        (
            gettext_lazy("From"),
            {"fields": ["pickup_address", ("pickup_lat", "pickup_lon")]},
        ),
        (
            gettext_lazy("To"),
            {"fields": ["dropoff_address", ("dropoff_lat", "dropoff_lon")]},
        ),
        (
            gettext_lazy("Needs"),
            {
                "fields": [
                    ("passengers", "wheelchairs"),
                    ("may_share", "max_ride_min"),
                    "needs",
                    ("priority", "driver"),
                    "notes",
                ]
            },
        ),
    ]

    @admin.display(description=gettext_lazy("rhythm"), ordering="id")
    def shown_rhythm(self, series):
        return series.in_words()

    @admin.display(description=gettext_lazy("route"))
    def shown_route(self, series):
        return f"{series.pickup_address or '–'} → {series.dropoff_address or '–'}"

    @admin.display(description=gettext_lazy("ends"))
    def shown_end(self, series):
        if series.last_day:
            return series.last_day
        if series.count:
            return ngettext("%(count)d date", "%(count)d dates", series.count) % {
                "count": series.count
            }
        return None

    def get_search_results(self, request, queryset, search_term):
        if not search_term.strip():
            return queryset, False
        return queryset.filter(client__searched__has_parts=search_term), False

    def get_fieldsets(self, request, obj=None):
        if obj:
            return super().get_fieldsets(request, obj)
        (name, first), *others = self.fieldsets
        fields = [field for field in first["fields"] if field != "since"]
        return [(name, {**first, "fields": fields}), *others]

    def get_readonly_fields(self, request, obj=None):
        fixed = super().get_readonly_fields(request, obj)
        return [*fixed, "client"] if obj else fixed

    def get_inlines(self, request, obj):
        return [PauseInline] if obj else []

    def has_delete_permission(self, request, obj=None):
        return False

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "driver" and request.company is not None:
            drivers = Driver.objects.filter(company=request.company, is_active=True)
            kwargs["queryset"] = drivers.order_by("name", "id")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request):
        """Return what a booking to repeat, or a client, gives a new order."""
        values = {"company": request.company, "first_day": timezone.localdate()}
        of_company = {"company": request.company}
        asked = request.GET.get("booking", "")
        if PK.fullmatch(asked):
            rows = Booking.objects.filter(**of_company, pk=asked).select_related("company")
            if booking := rows.first():
                values |= _repeated(booking)
        asked = request.GET.get("client", "")
        clients = Client.objects.filter(**of_company)
        if PK.fullmatch(asked) and (client := clients.filter(pk=asked).first()):
            values |= {
                "client": client,
                "wheelchairs": int(client.wheelchair),
                "pickup_address": client.address,
                "pickup_lat": client.lat,
                "pickup_lon": client.lon,
            }
        return values

    def render_change_form(self, request, context, *args, **kwargs):
        form = context["adminform"].form
        context |= {"review": form.review, "REVIEWED": REVIEWED, "RELEASE": RELEASE}
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request, obj, form, change):
        actor, now = admin_actor(request), timezone.now()
        if not change:
            made = create_series(obj, actor=actor, now=now, overlap_meant=True)  # it was shown
            text = ngettext("%(count)d trip booked.", "%(count)d trips booked.", made)
            self.message_user(request, text % {"count": made}, messages.SUCCESS)
            return
        release = {int(pk) for pk in request.POST.getlist(RELEASE) if PK.fullmatch(pk)}
        since = form.cleaned_data.get("since")
        foreseen = change_series(obj, since=since, release=release, actor=actor, now=now)
        text = _("%(changed)d trips changed, %(canceled)d canceled, %(made)d booked.")
        self.message_user(request, text % foreseen.counts(), messages.SUCCESS)


def _repeated(booking):
    """Return the values of an order like this booking, with its return trip: 1 statement."""
    local = booking.company.local(booking.scheduled_time)
    values = {name: getattr(booking, name) for name in COPIED}
    values |= {
        "weekdays": [local.weekday()],
        "first_day": local.date(),
        "pickup_time": local.time(),
    }
    if booking.appointment_at:
        values["appointment_time"] = booking.company.local(booking.appointment_at).time()
    back = Booking.objects.open().filter(return_of=booking).first()
    if back:
        values["return_time"] = booking.company.local(back.scheduled_time).time()
        values["return_will_call"] = back.will_call
    return values
