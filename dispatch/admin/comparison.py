"""Ask what sharing rides would bring, from the page of the policy, and show it side by side."""

from copy import copy
from datetime import timedelta

from django import forms
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

from dispatch.day.travel_times import say_driving
from dispatch.runs.background import start_comparison
from dispatch.runs.comparison import FIGURES, LIMITS
from dispatch.runs.queue import settle
from drivers.admin import companies
from drivers.admin.fields import DayField
from drivers.admin.pages import admin_page
from drivers.admin.weeks import DayInput
from drivers.companies.actors import admin_actor
from drivers.companies.current import act_for
from drivers.companies.roles import OWNERS, companies_of
from drivers.models import Company
from drivers.refused import Refused


class CompanyAdmin(companies.CompanyAdmin):
    """What the policy of shared rides in the form would bring can be asked before it is saved."""

    class Media:
        css = {"all": ["drivers/pages.css"]}

    def get_fieldsets(self, request, obj=None):
        found = super().get_fieldsets(request, obj)
        if obj is None or not self.has_change_permission(request, obj):
            return found
        button = render_to_string("dispatch/compare_button.html", {"company": obj})
        return [
            (title, options | {"description": button})
            if "shares_rides" in options["fields"]
            else (title, options)
            for title, options in found
        ]


class ComparisonForm(forms.ModelForm):
    """A day, and the limits of the company to plan it with; nothing of the company is saved."""

    day = DayField(
        label=gettext_lazy("Day"),
        widget=DayInput,
        help_text=gettext_lazy("A past or a coming day; best one that was a day like many."),
    )
    field_order = ["day", *LIMITS]

    class Meta:
        model = Company
        fields = LIMITS
        widgets = {
            name: UnfoldAdminDecimalFieldWidget
            if name == "ride_factor"
            else UnfoldAdminIntegerFieldWidget
            for name in LIMITS
        }


def ask(model_admin, request, company):
    """Show the form, filled in with the policy or with what is sent without a day; start it."""
    company = get_object_or_404(companies_of(request.user, OWNERS), slug=company)
    act_for(request, company.pk)
    now, status = timezone.now(), 200
    yesterday = company.local(now).date() - timedelta(days=1)
    form = ComparisonForm(
        request.POST if "day" in request.POST else None,
        instance=copy(company),
        initial={"day": yesterday}
        | {name: request.POST[name] for name in LIMITS if name in request.POST},
    )
    if form.is_valid():
        limits = {name: form.cleaned_data[name] for name in LIMITS}
        actor = admin_actor(request)
        try:
            run = start_comparison(
                company, form.cleaned_data["day"], now=now, actor=actor, sharing=limits
            )
        except Refused as refusal:
            form.add_error(None, ValidationError(str(refusal)))
            status = refusal.status
        else:
            return redirect("admin:dispatch_dispatchrun_change", run.pk)
    title = _("What would shared rides bring?")
    return admin_page(
        model_admin,
        request,
        "dispatch/compare.html",
        title=title,
        status=status,
        form=form,
        company=company,
    )


def show(model_admin, request, run):
    """Show a comparison, or how far it is: no statement if it is ready."""
    settle(run, now=timezone.now())
    found = run.outcome.get("comparison")
    return admin_page(
        model_admin,
        request,
        "dispatch/comparison.html",
        title=_("Alone and shared: %(day)s, %(company)s")
        % {"day": date_format(run.day, "l j F Y"), "company": run.company},
        run=run,
        original=model_admin.name(run),
        by=model_admin.by(run),
        driving=say_driving(run.metrics["driving"]) if "driving" in run.metrics else "",
        rows=_rows(found["alone"], found["shared"]) if found else [],
        limits=[
            (ComparisonForm.base_fields[name].label, run.settings["sharing"][name])
            for name in LIMITS
        ],
    )


def _rows(alone, shared):
    """Return (label, alone, shared, difference) of every figure."""
    rows = []
    for name, label in FIGURES.items():
        more = round(shared[name] - alone[name], 2)
        sign = "+" if more > 0 else ""
        rows.append((label, alone[name], shared[name], f"{sign}{localize(more)}" if more else "="))
    return rows
