"""Ask “what if”, also from the page of the policy before it is saved, and show it side by side."""

from copy import copy
from datetime import date, timedelta
from typing import cast

from django import forms
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldBooleanWidget,
)

from dispatch.day.travel_times import say_driving
from dispatch.runs.background import start_comparison
from dispatch.runs.changes import DAYS_AT_MOST, POLICY, VEHICLES_AT_MOST, Changes, changes_of
from dispatch.runs.comparison import FIGURES, WAYS
from dispatch.runs.queue import settle
from drivers.admin import companies
from drivers.admin.charts import bars
from drivers.admin.fields import DayField
from drivers.admin.pages import admin_page
from drivers.admin.weeks import DayInput
from drivers.companies.actors import admin_actor
from drivers.companies.current import act_for
from drivers.companies.roles import WRITING_ROLES, companies_of
from drivers.models import Company, Vehicle
from drivers.refused import Refused

DAY = timedelta(days=1)
USUAL = 7  # days up to yesterday
# What is shown of each day.
OF_DAYS = ("placed", "left_out", "late", "paid_h", "driven_km", "empty_percent", "vehicles")
CHARTS = {
    "left_out": gettext_lazy("Trips left out"),
    "driven_km": gettext_lazy("Km driven"),
    "paid_h": gettext_lazy("Paid hours"),
}
WAY_NAMES = {
    "stood": gettext_lazy("as planned then"),
    "again": gettext_lazy("planned again"),
    "changed": gettext_lazy("with the changes"),
}
# Which sections of the company's form can be tried before they are saved, by one of their fields.
TRIED = ("pickup_early_min", "shares_rides")


class CompanyAdmin(companies.CompanyAdmin):
    """What the policy in the form would bring can be asked before it is saved."""

    class Media:
        css = {"all": ["drivers/pages.css"]}

    def get_fieldsets(self, request, obj=None):
        found = super().get_fieldsets(request, obj)
        if obj is None or not self.has_change_permission(request, obj):
            return found
        sections = []
        for title, options in found:
            names = _flat(options["fields"])
            tried = next((name for name in TRIED if name in names), None)
            if tried:
                context = {"company": obj, "is_first": tried == TRIED[0]}
                button = render_to_string("dispatch/what_if_button.html", context)
                options = options | {"description": button}
            sections.append((title, options))
        return sections


def _flat(fields):
    return [name for row in fields for name in (row if isinstance(row, tuple) else [row])]


def _vehicles(label, help_text):
    return forms.ModelMultipleChoiceField(
        Vehicle.objects.none(),
        label=label,
        required=False,
        help_text=help_text,
        widget=UnfoldAdminSelectMultipleWidget(attrs={"size": 6}),
    )


class WhatIfForm(forms.ModelForm):
    """Days, vehicles, and a policy to plan with; nothing of the company is saved."""

    day = DayField(label=gettext_lazy("First day"), widget=DayInput)
    until = DayField(
        label=gettext_lazy("Last day"),
        widget=DayInput,
        help_text=gettext_lazy("Past or coming days, %(most)d at most.") % {"most": DAYS_AT_MOST},
    )
    without = _vehicles(
        gettext_lazy("Without these vehicles"),
        gettext_lazy("Their shifts are left out, with their drivers."),
    )
    more_like = _vehicles(
        gettext_lazy("One more like each of these vehicles"),
        gettext_lazy("With a driver of the same home and skills, in the same shifts."),
    )
    field_order = ["day", "until", "without", "more_like", *POLICY]

    class Meta:
        model = Company
        fields = POLICY
        widgets = {
            name: {
                "ride_factor": UnfoldAdminDecimalFieldWidget,
                "shares_rides": UnfoldBooleanWidget,
            }.get(name, UnfoldAdminIntegerFieldWidget)
            for name in POLICY
        }

    def __init__(self, data, *, company, initial):
        super().__init__(data, instance=copy(company), initial=initial)
        self.company = company
        vehicles = list(Vehicle.objects.filter(company=company).order_by("plate", "id"))
        for name in ("without", "more_like"):
            field = cast(forms.ModelMultipleChoiceField, self.fields[name])
            field.queryset = Vehicle.objects.filter(company=company)
            field.choices = [(row.pk, row.plate) for row in vehicles]

    def clean(self):
        super().clean()
        values = self.cleaned_data
        for name in ("without", "more_like"):
            if len(values.get(name) or ()) > VEHICLES_AT_MOST:
                self.add_error(
                    name, _("Choose at most %(most)d vehicles.") % {"most": VEHICLES_AT_MOST}
                )
        return values

    def changes(self):
        """Return what differs from the company, of a valid form."""
        values = self.cleaned_data
        policy = {
            name: values[name] for name in POLICY if values[name] != getattr(self.company, name)
        }
        without, more_like = (
            tuple(sorted(row.pk for row in values[name])) for name in ("without", "more_like")
        )
        return Changes(policy, without, more_like)


def ask(model_admin, request, company):
    """Show the form, filled in with the policy or with what is sent without a day; start it."""
    company = get_object_or_404(companies_of(request.user, WRITING_ROLES), slug=company)
    act_for(request, company.pk)
    now, status = timezone.now(), 200
    yesterday = company.local(now).date() - DAY
    sent = request.POST
    tried = {name: sent[name] for name in POLICY if name in sent}
    if sent and "day" not in sent:
        tried["shares_rides"] = "shares_rides" in sent
    form = WhatIfForm(
        sent if "day" in sent else None,
        company=company,
        initial={"day": yesterday - (USUAL - 1) * DAY, "until": yesterday} | tried,
    )
    if form.is_valid():
        values = form.cleaned_data
        actor = admin_actor(request)
        try:
            run = start_comparison(
                company,
                values["day"],
                until=values["until"],
                changes=form.changes(),
                now=now,
                actor=actor,
            )
        except Refused as refusal:
            field = refusal.field if refusal.field in form.fields else None
            form.add_error(field, ValidationError(str(refusal)))
            status = refusal.status
        else:
            return redirect("admin:dispatch_dispatchrun_change", run.pk)
    return admin_page(
        model_admin,
        request,
        "dispatch/what_if.html",
        title=_("What if?"),
        status=status,
        form=form,
        company=company,
    )


def show(model_admin, request, run):
    """Show what was compared, or how far it is: no statement if it is ready."""
    settle(run, now=timezone.now())
    asked, found = run.settings["what_if"], run.outcome.get("comparison")
    first, last = run.day, date.fromisoformat(asked["until"])
    days = found["days"] if found else []
    return admin_page(
        model_admin,
        request,
        "dispatch/compared.html",
        title=_("What if? %(days)s, %(company)s")
        % {"days": _period(first, last), "company": run.company},
        run=run,
        original=model_admin.name(run),
        by=model_admin.by(run),
        driving=say_driving(run.metrics["driving"]) if run.metrics.get("driving") else "",
        changes=_changes(run.company, asked),
        ways=[WAY_NAMES[name] for name in WAYS],
        rows=_rows(found["whole"]) if found else [],
        heads=[FIGURES[name] for name in OF_DAYS],
        days=[_day(day) for day in days] if len(days) > 1 else [],
        charts=[_chart(name, days) for name in CHARTS] if len(days) > 1 else [],
    )


def _period(first, last):
    if first == last:
        return date_format(first, "l j F Y")
    return _("%(first)s to %(last)s") % {
        "first": date_format(first, "j F Y"),
        "last": date_format(last, "j F Y"),
    }


def _changes(company, asked):
    """Return (what, how it would be) of each change."""
    changes = changes_of(asked)
    told = [
        (company._meta.get_field(name).verbose_name, _told(changes.policy[name]))
        for name in POLICY
        if name in changes.policy
    ]
    for name, vehicles in (("without", changes.without), ("more_like", changes.more_like)):
        if vehicles:
            plates = sorted(asked["plates"][str(vehicle_id)] for vehicle_id in vehicles)
            told.append((WhatIfForm.base_fields[name].label, ", ".join(plates)))
    return told


def _told(value):
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value


def _rows(ways):
    """Return (label, [stood, again, changed], difference of the latter) of every figure."""
    rows = []
    for name, label in FIGURES.items():
        values = [ways[way][name] if ways[way] else None for way in WAYS]
        again, changed = values[1:]
        more = "–"
        if again is not None and changed is not None:
            difference = round(changed - again, 2)
            sign = "+" if difference > 0 else ""
            more = f"{sign}{localize(difference)}" if difference else "="
        rows.append((label, values, more))
    return rows


def _day(row):
    """Return (the day, [(planned again, changed)] of the figures of `OF_DAYS`)."""
    cells = [(row["again"][name], row["changed"][name]) for name in OF_DAYS]
    return date_format(date.fromisoformat(row["day"]), "D j.n."), cells


def _chart(name, days):
    return bars(
        name.replace("_", "-"),
        str(CHARTS[name]),
        _("Each day with the changes, beside the same day planned again."),
        names=[date_format(date.fromisoformat(row["day"]), "j.n.") for row in days],
        first=_("Day"),
        series=[("main", str(WAY_NAMES["changed"]), [row["changed"][name] for row in days])],
        before=(str(WAY_NAMES["again"]), [row["again"][name] for row in days]),
        decimals=0 if name == "left_out" else 1,
    )
