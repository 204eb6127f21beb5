"""Show what a period was like, of the company in the URL; another company's is 404."""

from datetime import date, timedelta

from django import forms
from django.contrib import admin
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from bookings.sheets import csv_response, xlsx_response
from dispatch.board.access import company_context
from dispatch.board.report_page import tell
from dispatch.day.travel_times import say_straight, whence
from dispatch.reports.read import (
    By,
    ByRefused,
    Figures,
    Period,
    PeriodRefused,
    facts,
    has_vehicles,
    month_before,
    read_groups,
    read_report,
)
from dispatch.reports.refresh import refresh
from drivers.admin.fields import DayField
from drivers.models import Customer

DAY = timedelta(days=1)
USUAL = 30  # days up to today
# Of days that have changed, so many months' are counted before the page is shown.
STEPS = 1


BY_NAMES = {
    By.DAY: gettext_lazy("day"),
    By.WEEK: gettext_lazy("week"),
    By.MONTH: gettext_lazy("month"),
    By.WEEKDAY: gettext_lazy("weekday"),
    By.HOUR: gettext_lazy("hour"),
    By.CUSTOMER: gettext_lazy("customer"),
    By.DRIVER: gettext_lazy("driver"),
}


class ReportForm(forms.Form):
    """The period, both days included, and the customer; what is left out is as usual."""

    first = DayField(required=False)
    last = DayField(required=False)

    def __init__(self, data, *, company, today):
        super().__init__(data)
        self.today = today
        customers = Customer.objects.filter(company=company)
        self.fields["customer"] = forms.ModelChoiceField(customers, required=False)

    @property
    def usual(self):
        return Period(self.today - (USUAL - 1) * DAY, self.today)

    def clean(self):
        super().clean()
        values = self.cleaned_data
        last = values.get("last") or self.usual.last
        period = Period(values.get("first") or last - (USUAL - 1) * DAY, last)
        try:
            values["period"] = period.checked()
        except PeriodRefused as refusal:
            self.add_error("last", str(refusal))
        return values


class FiguresForm(ReportForm):
    by = forms.ChoiceField(choices=[(by.value, by.value) for by in By], required=False)


FILES = {"csv": csv_response, "xlsx": xlsx_response}


@require_safe
def open_reports(request):
    """Redirect to the reports of the user's company."""
    current = company_context(request, request.GET.get("company") or None)
    return redirect("admin:reports:report", company=current.company.slug)


@gzip_page
@require_safe
def report(request, company):
    """Show the report of `?first=` to `?last=`, of `?customer=`.

    31 statements at most, those of the access and of one step of `refresh` among them.
    """
    current, now = company_context(request, company), timezone.now()
    today = current.company.local(now).date()
    form = ReportForm(request.GET, company=current.company, today=today)
    period, customer = form.usual, None
    if form.is_valid():
        period, customer = form.cleaned_data["period"], form.cleaned_data["customer"]
    refresh(current.company, now=now, steps=STEPS)
    context = {
        **admin.site.each_context(request),
        **tell(read_report(current.company, period, customer)),
        "title": _("Reports"),
        "driving": say_straight(),
        "company": current.company,
        "companies": current.companies,
        "may_ask": current.may_write,
        "problems": [str(text) for texts in form.errors.values() for text in texts],
        "period": period,
        "before": period.before(),
        "periods": _periods(today, period),
        "customers": Customer.objects.filter(company=current.company).order_by("name", "id"),
        "customer": customer,
        "groupings": [
            (by.value, BY_NAMES[by])
            for by in By
            if customer is None or by not in (By.CUSTOMER, By.DRIVER)
        ],
    }
    status = 200 if form.is_valid() else 400
    return render(request, "dispatch/board/report.html", context, status=status)


@require_safe
def figures_file(request, company, kind):
    """Return the figures of the period as a file, by `?by=`: 25 statements at most."""
    current, now = company_context(request, company), timezone.now()
    today = current.company.local(now).date()
    form = FiguresForm(request.GET, company=current.company, today=today)
    if not form.is_valid():
        problems = [str(text) for texts in form.errors.values() for text in texts]
        return HttpResponse(" ".join(problems), status=400, content_type="text/plain")
    values = form.cleaned_data
    period, customer, by = values["period"], values["customer"], values["by"] or By.DAY
    refresh(current.company, now=now, steps=STEPS)
    try:
        groups = read_groups(current.company, period, By(by), customer)
    except ByRefused as refusal:
        return HttpResponse(str(refusal), status=refusal.status, content_type="text/plain")
    without = not has_vehicles(By(by), customer)
    told = [facts(group.figures, without_vehicles=without) for group in groups]
    header = [by, *facts(Figures({}), without_vehicles=without), "km_from"]
    km_from = whence(current.company)
    rows = [[_key(group), *row.values(), km_from] for group, row in zip(groups, told, strict=True)]
    return FILES[kind](header, rows, f"report-{by}-{period.first}-{period.last}.{kind}")


def _key(group):
    """Return what a row of a file begins with: a day as a date, all else by its name."""
    return group.key.isoformat() if isinstance(group.key, date) else group.name


def _periods(today, shown):
    """Return periods to choose from: (name, period, whether it is shown)."""
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    periods = [
        (_("last 7 days"), Period(today - 6 * DAY, today)),
        (_("last 30 days"), Period(today - (USUAL - 1) * DAY, today)),
        (_("this month"), Period(month, today)),
        (_("last month"), Period(month_before(today), month - DAY)),
        (_("last 12 months"), Period(month_before(today, 12), month - DAY)),
        (_("this year"), Period(year, today)),
        (_("last year"), Period(month_before(year, 12), year - DAY)),
    ]
    return [(name, period, period == shown) for name, period in periods]
