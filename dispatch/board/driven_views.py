"""Show what was driven in a month for who writes invoices, and return it as a file."""

from django import forms
from django.contrib import admin
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from bookings.sheets import CSV_ROWS_AT_MOST, XLSX_ROWS_AT_MOST, csv_response, xlsx_response
from dispatch.board.access import company_context
from dispatch.day.travel_times import say_driving
from dispatch.reports.driven import Driven, cells, month_of, read_month
from dispatch.reports.read import month_before
from drivers.admin.fields import require_year
from drivers.models import Customer
from drivers.times import day_of

SHOWN = 12  # months to choose from
FILES = {"csv": (csv_response, CSV_ROWS_AT_MOST), "xlsx": (xlsx_response, XLSX_ROWS_AT_MOST)}
WHAT = {
    "end": gettext_lazy("without a time of arrival at the destination"),
    "reference": gettext_lazy("without the reference that its customer requires"),
    "driver": gettext_lazy("done without a driver"),
    "open": gettext_lazy("still open"),
}


class MonthForm(forms.Form):
    """A month as 2026-06, last month without it, and the customer."""

    month = forms.CharField(required=False)

    def __init__(self, data, *, company, today):
        super().__init__(data)
        self.usual = month_of(month_before(today))
        customers = Customer.objects.filter(company=company)
        self.fields["customer"] = forms.ModelChoiceField(customers, required=False)

    def clean_month(self):
        text = self.cleaned_data["month"]
        if not text:
            return self.usual
        try:
            first = day_of(f"{text}-01")
        except ValueError:
            raise forms.ValidationError(_("Write a month such as 2026-06.")) from None
        require_year(first)
        return month_of(first)


@gzip_page
@require_safe
def driven(request, company):
    """Show the sums of a month by customer, and what is missing in it: 8 statements at most."""
    current, form, month = _asked(request, company)
    today = form.usual.last
    first = [month_before(today, number) for number in range(-1, SHOWN - 1)]
    context = {
        **admin.site.each_context(request),
        "title": _("Trips driven, for the accounts"),
        "company": current.company,
        "companies": current.companies,
        "month": month,
        "months": [month_of(day) for day in first],
        "driving": say_driving(month.driving),
        "missing": [(WHAT[row.what], row) for row in month.missing],
        "problems": [str(text) for texts in form.errors.values() for text in texts],
        "customers": Customer.objects.filter(company=current.company).order_by("name", "id"),
    }
    status = 200 if form.is_valid() else 400
    return render(request, "dispatch/board/driven.html", context, status=status)


@require_safe
def driven_file(request, company, kind):
    """Return the trips of a month as a file: 7 statements at most."""
    _current, form, month = _asked(request, company)
    answer, most = FILES[kind]
    problems = [str(text) for texts in form.errors.values() for text in texts]
    if len(month.rows) > most:
        said = _("This month has more than %(most)d trips: choose a customer, or CSV.")
        problems.append(said % {"most": most})
    if problems:
        return HttpResponse(" ".join(problems), status=400, content_type="text/plain")
    name = f"driven-{month.period.first:%Y-%m}.{kind}"
    return answer(list(Driven._fields), map(cells, month.rows), name)


def _asked(request, company):
    """Return the context, the form, and the month that it asks for."""
    current = company_context(request, company)
    today = current.company.local(timezone.now()).date()
    form = MonthForm(request.GET, company=current.company, today=today)
    period, customer = form.usual, None
    if form.is_valid():
        period, customer = form.cleaned_data["month"], form.cleaned_data["customer"]
    return current, form, read_month(current.company, period, customer)
