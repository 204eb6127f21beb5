"""The admin page of the roster: a week of shifts and absences, drivers by days.

It shows, copies weeks, and opens the forms of shifts and absences, whose guards ask before a
change breaks trips; they lead back to it.
"""

from datetime import time, timedelta

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from drivers.admin.base import CompanyScopedAdmin
from drivers.admin.fields import DayField
from drivers.admin.pages import admin_page
from drivers.companies.current import act_for
from drivers.companies.roles import WRITING_ROLES, companies_of
from drivers.fleet.fill_weeks import WEEK, copy_colleague, copy_week, monday_of, usual_shift
from drivers.fleet.roster import read_roster
from drivers.models import Absence, Driver
from drivers.refused import Refused
from drivers.times import day_of

NAME = "drivers_shift_roster"
WEEK_BEFORE, COLLEAGUE = "week_before", "colleague"
TOLD = 5  # shifts that were left out


class CopyForm(forms.Form):
    """What is copied into the week: the week before, or a colleague's shifts."""

    week = DayField()
    origin = forms.ChoiceField(choices=[(WEEK_BEFORE, ""), (COLLEAGUE, "")])
    colleague = forms.IntegerField(required=False, max_value=2**63 - 1)
    driver = forms.IntegerField(required=False, max_value=2**63 - 1)

    def clean(self):
        super().clean()
        values = self.cleaned_data
        chosen = values.get("colleague") and values.get("driver")
        if values.get("origin") == COLLEAGUE and not chosen:
            raise forms.ValidationError(_("Choose whose shifts are copied, and to whom."))
        return values

    def copy(self, company, *, now):
        """Create the shifts: at most 5 statements. Raises WeeksRefused."""
        values = self.cleaned_data
        week = values["week"]
        if values["origin"] == COLLEAGUE:
            return copy_colleague(company, values["colleague"], values["driver"], week, now=now)
        active = Driver.objects.filter(company=company, is_active=True)
        ids = list(active.order_by("id").values_list("id", flat=True))
        return copy_week(company, ids, week - WEEK, week, 1, now=now)


class ShowsRoster(CompanyScopedAdmin):
    """Add the page to the admin of shifts: office roles read it, owners and dispatchers copy."""

    actions_list = ["roster"]

    @action(
        description=gettext_lazy("Roster"),
        url_path="roster",
        icon="calendar_view_week",
        permissions=["view"],
    )
    def roster(self, request):
        """Show the week of `?week=`, this week without it: 4 statements more. POST copies."""
        if request.method == "POST":
            return self._copy(request)
        company = request.company
        if company is None:
            raise PermissionDenied
        try:
            day = day_of(request.GET.get("week", ""))
        except ValueError:
            day = company.local(timezone.now()).date()
        roster = read_roster(company, monday_of(day))
        return admin_page(
            self,
            request,
            "drivers/roster.html",
            title=_("Roster"),
            company=company,
            roster=roster,
            days=[
                (day, date_format(day, "D"), date_format(day, "j.n."), day == timezone.localdate())
                for day in roster.days
            ],
            rows=[_row(company, row) for row in roster.rows],
            active=[row for row in roster.rows if row.is_active],
            before=roster.days[0] - WEEK,
            after=roster.days[0] + WEEK,
            may_write=companies_of(request.user, WRITING_ROLES).filter(pk=company.pk).exists(),
        )

    def _copy(self, request):
        """Copy shifts into a week of the company that the form names, and show the week."""
        slug = request.POST.get("company", "")
        company = get_object_or_404(companies_of(request.user, WRITING_ROLES), slug=slug)
        act_for(request, company.pk)
        form = CopyForm(request.POST)
        if not form.is_valid():
            texts = [str(text) for errors in form.errors.values() for text in errors]
            self.message_user(request, " ".join(texts), messages.ERROR)
            return redirect(_address(form.cleaned_data.get("week", "")))
        try:
            filled = form.copy(company, now=timezone.now())
        except Refused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            self.message_user(request, filled.summary(), messages.SUCCESS)
            for left in filled.left_out[:TOLD]:
                told = f"{left.driver}, {date_format(left.start_at, 'D j. n. H:i')}: {left.why}"
                self.message_user(request, told, messages.WARNING)
        return redirect(_address(form.cleaned_data["week"]))


class LeadsToRoster(CompanyScopedAdmin):
    """Mixin for the forms that the roster opens: `?driver=` and `?day=` fill them in.

    `?roster=` is the week that is shown again once the row is saved.
    """

    def get_changeform_initial_data(self, request):
        initial = super().get_changeform_initial_data(request)
        try:
            day = day_of(request.GET.get("day", ""))
        except ValueError:
            return initial
        return initial | self._initial_of_day(request, day)

    def _initial_of_day(self, request, day):
        """Return the whole day of an absence, or the shift that the driver has on such days."""
        if self.model is Absence:
            midnight = time(0)
            return {
                "start_at": [day, midnight],
                "end_at": [day + timedelta(days=1), midnight],
                "reason": Absence.Reason.HOLIDAY,
            }
        driver_id = _number(request.GET.get("driver", ""))
        usual = request.company and usual_shift(request.company, driver_id, day)
        if not usual:
            return {"start_at": [day, None], "end_at": [day, None]}
        moments = {
            "start_at": usual.start,
            "end_at": usual.end,
            "break_from_at": usual.break_from,
            "break_until_at": usual.break_until,
        }
        return {"break_min": usual.break_min, "vehicle": usual.vehicle_id} | {
            name: [moment.date(), moment.time()] for name, moment in moments.items() if moment
        }

    def response_post_save_add(self, request, obj):
        return _back(request) or super().response_post_save_add(request, obj)

    def response_post_save_change(self, request, obj):
        return _back(request) or super().response_post_save_change(request, obj)


def _back(request):
    """Return the way to the roster that opened the form, or None."""
    try:
        return redirect(_address(day_of(request.GET.get("roster", ""))))
    except ValueError:
        return None


def _address(week):
    return f"{reverse(f'admin:{NAME}')}?week={week}"


def _number(text):
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _vehicle(cell, shift):
    """Return the plate, and that it is taken over at the start or handed over at the end."""
    parts = [shift.vehicle__plate or _("no vehicle")]
    if shift.id in cell.taken:
        parts.append(_("taken over"))
    if shift.id in cell.handed:
        parts.append(_("handed over"))
    return ", ".join(parts)


def _row(company, row):
    return {
        "id": row.driver_id,
        "name": row.name,
        "is_active": row.is_active,
        "papers": row.papers,
        "hours": f"{row.hours.total_seconds() / 3600:.2f}".rstrip("0").rstrip("."),
        "cells": [
            {
                "day": cell.day,
                "shifts": [
                    (
                        shift.id,
                        f"{company.clock(shift.start_at)}–{company.clock(shift.end_at)}",
                        shift.break_min,
                        _vehicle(cell, shift),
                    )
                    for shift in cell.shifts
                ],
                "absences": [
                    (
                        absence.id,
                        Absence.Reason(absence.reason).label,
                        "" if absence.id in cell.all_day else _part(company, cell.day, absence),
                    )
                    for absence in cell.absences
                ],
            }
            for cell in row.cells
        ],
    }


def _part(company, day, absence):
    """Write the part of an absence that is on a day: 08:00–12:00, or 14:00–… if it goes on."""
    start_at, end_at = company.day_bounds(day)
    since = company.clock(absence.start_at) if absence.start_at >= start_at else "…"
    until = company.clock(absence.end_at) if absence.end_at <= end_at else "…"
    return f"{since}–{until}"
