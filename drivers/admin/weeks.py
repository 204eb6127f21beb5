"""The admin page that previews and creates the shifts of coming weeks."""

from django import forms
from django.contrib import admin, messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
)

from drivers.admin.fields import DayField
from drivers.admin.forms import add_refusal
from drivers.admin.pages import admin_page
from drivers.companies.roles import WRITING_ROLES, companies_of
from drivers.fleet.fill_weeks import (
    WEEK,
    WEEKS_AT_MOST,
    copy_week,
    fill_weeks,
    monday_of,
)
from drivers.models import Company, Driver
from drivers.refused import Refused

SHOWN = 200
TEMPLATES, COPY = "templates", "copy"


class DayInput(forms.DateInput):
    """The browser's date field, which works by keyboard and needs no script."""

    input_type = "date"

    def __init__(self):
        super().__init__(format="%Y-%m-%d", attrs={"class": " ".join(INPUT_CLASSES)})


class WeeksForm(forms.Form):
    company = forms.ModelChoiceField(
        Company.objects.none(), label=_("Company"), widget=UnfoldAdminSelectWidget
    )
    drivers = forms.ModelMultipleChoiceField(
        Driver.objects.none(),
        label=_("Drivers"),
        required=False,
        help_text=_("Leave empty for all active drivers of the company."),
        widget=UnfoldAdminSelectMultipleWidget(attrs={"size": 8}),
    )
    origin = forms.ChoiceField(
        label=_("Shifts from"),
        choices=[(TEMPLATES, _("the drivers' weekly shifts")), (COPY, _("another week"))],
        initial=TEMPLATES,
        widget=UnfoldAdminRadioSelectWidget,
    )
    source = DayField(
        label=_("The week to copy"),
        required=False,
        help_text=_("Any day of that week."),
        widget=DayInput,
    )
    week = DayField(
        label=_("First week to fill"), help_text=_("Any day of that week."), widget=DayInput
    )
    weeks = forms.IntegerField(
        label=_("Number of weeks"),
        min_value=1,
        max_value=WEEKS_AT_MOST,
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def __init__(self, *args, companies, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["company"].queryset = companies
        self.fields["drivers"].queryset = Driver.objects.filter(
            company__in=companies, is_active=True
        ).order_by("name", "id")

    def clean(self):
        values = super().clean()
        company, drivers = values.get("company"), values.get("drivers")
        if company and drivers and any(row.company_id != company.pk for row in drivers):
            self.add_error("drivers", _("Choose drivers of %(company)s.") % {"company": company})
        if values.get("origin") == COPY and not values.get("source"):
            self.add_error("source", _("Choose the week to copy."))
        return values

    def fill(self, *, now, dry_run):
        """Create the shifts, or preview them in a dry run. Raises WeeksRefused."""
        values = self.cleaned_data
        company = values["company"]
        drivers = values["drivers"] or self.fields["drivers"].queryset.filter(company=company)
        ids = [driver.pk for driver in drivers]
        options = {"now": now, "dry_run": dry_run}
        if values["origin"] == COPY:
            return copy_week(
                company, ids, values["source"], values["week"], values["weeks"], **options
            )
        return fill_weeks(company, ids, values["week"], values["weeks"], **options)


class FillsWeeks:
    """Add the page to the admin of drivers."""

    actions_list = ["weeks"]
    actions = ["weeks_of_selected"]

    @admin.action(description=_("Fill weeks with shifts…"), permissions=["change"])
    def weeks_of_selected(self, request, queryset):
        chosen = "&".join(f"drivers={pk}" for pk in queryset.values_list("pk", flat=True))
        return redirect(f"{reverse('admin:drivers_driver_weeks')}?{chosen}")

    @action(
        description=_("Fill weeks"), url_path="weeks", icon="date_range", permissions=["change"]
    )
    def weeks(self, request):
        companies = companies_of(request.user, WRITING_ROLES).order_by("name", "id")
        form = WeeksForm(
            request.POST or None,
            companies=companies,
            initial={
                "company": request.company,
                "drivers": request.GET.getlist("drivers"),
                "week": monday_of(timezone.localdate() + WEEK),
            },
        )
        filled, status = None, 200
        if form.is_valid():
            try:
                filled = form.fill(now=timezone.now(), dry_run="confirm" not in request.POST)
            except Refused as refusal:
                add_refusal(form, refusal)
                status = refusal.status
        if filled and not filled.dry_run:
            self.message_user(request, filled.summary(), messages.SUCCESS)
            return redirect("admin:drivers_shift_changelist")
        return admin_page(
            self,
            request,
            "drivers/weeks.html",
            title=_("Fill weeks with shifts"),
            status=status,
            form=form,
            filled=filled,
            created=_rows(form, filled) if filled else (),
            shown=SHOWN,
        )


def _rows(form, filled):
    """Return (driver, start, end) of the first shifts, local to the company."""
    company = form.cleaned_data["company"]
    names = dict(form.fields["drivers"].queryset.values_list("pk", "name"))
    return [
        (names[row.driver_id], company.local(row.start_at), company.local(row.end_at))
        for row in filled.created[:SHOWN]
    ]
