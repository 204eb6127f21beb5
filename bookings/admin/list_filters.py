"""Filters and search of the admin's list of bookings, fast on a table of any size.

The list shows the bookings of the current company, so that an index gives its order. Within a
period of at most a month the search looks at all text columns, otherwise only at what an index
finds (`bookings.search`).
"""

from datetime import datetime, time, timedelta

from django.contrib import admin, messages
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import Status
from bookings.search import find_bookings, find_in_texts
from drivers.times import day_of

LONGEST = timedelta(days=31)  # a period whose bookings may be searched word by word


def period_of(params, zone):
    """Return the period of requested pickups, [start, end), or None for all days.

    `params` has "day": today, tomorrow or week, or dates "from" and "to" (inclusive).
    Raises ValueError.
    """
    today = timezone.localdate(timezone=zone)
    periods = {"today": (0, 1), "tomorrow": (1, 2), "week": (0, 7), "past": (-7, 0)}
    if params.get("day") in periods:
        first, end = (today + timedelta(days=days) for days in periods[params["day"]])
    elif params.get("from") or params.get("to"):
        first = day_of(params.get("from") or params["to"])
        last = day_of(params.get("to") or params["from"])
        end = last + timedelta(days=1)
        if first >= end:
            raise ValueError(_("The period ends before it starts."))
    else:
        return None
    return tuple(datetime.combine(day, time.min, zone) for day in (first, end))


class DayFilter(admin.SimpleListFilter):
    """The local day of the requested pickup, or a range of days, `from` and `to` in the URL."""

    title = gettext_lazy("day")
    parameter_name = "day"
    template = "bookings/day_filter.html"

    def __init__(self, request, params, model, model_admin):
        self.bounds = {name: params.pop(name)[-1] for name in ("from", "to") if name in params}
        super().__init__(request, params, model, model_admin)

    def lookups(self, request, model_admin):
        return [
            ("today", _("Today")),
            ("tomorrow", _("Tomorrow")),
            ("week", _("7 days from today")),
            ("past", _("Last 7 days")),
        ]

    def choices(self, changelist):
        """Yield the choices; the range and the other parameters go to the template's form."""
        own = {"from", "to", "day", "p"}
        self.others = [item for item in changelist.params.items() if item[0] not in own]
        ranged = any(self.bounds.values())
        for choice in [None, *self.lookup_choices]:
            value, name = choice or (None, _("All"))
            yield {
                "selected": self.value() == value and not (ranged and value is None),
                "query_string": changelist.get_query_string({"day": value}, ["from", "to", "p"]),
                "display": name,
            }

    def queryset(self, request, queryset):
        try:
            period = period_of(self.bounds | {"day": self.value()}, timezone.get_current_timezone())
        except ValueError as error:
            message = _("Write days like 2026-06-17: %(error)s") % {"error": error}
            messages.error(request, message)
            return queryset.none()
        if period is None:
            return queryset
        return queryset.filter(scheduled_time__gte=period[0], scheduled_time__lt=period[1])


class WheelchairFilter(admin.SimpleListFilter):
    title = gettext_lazy("wheelchair")
    parameter_name = "wheelchair"

    def lookups(self, request, model_admin):
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request, queryset):
        wanted = {"yes": Q(wheelchairs__gt=0), "no": Q(wheelchairs=0)}
        return queryset.filter(wanted[self.value()]) if self.value() in wanted else queryset


class DriverFilter(admin.SimpleListFilter):
    title = gettext_lazy("driver")
    parameter_name = "driver"

    def lookups(self, request, model_admin):
        return [("none", _("Unassigned"))]

    def queryset(self, request, queryset):
        if self.value() != "none":
            return queryset
        return queryset.filter(status__in=[Status.PENDING, Status.ACCEPTED])


def search(rows, words, *, company, params, zone):
    """Return the rows that contain every word, if the period is at most a month.

    Otherwise those that an index finds: 3 more statements.
    """
    try:
        period = period_of(params, zone)
    except ValueError:
        return rows.none()
    if period and period[1] - period[0] <= LONGEST:
        return find_in_texts(rows, words)
    return find_bookings(rows, words, company=company)
