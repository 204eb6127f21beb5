"""Filters and search of the admin's list of bookings, fast on a table of any size.

The list shows the bookings of the current company, so that an index gives its order. Within a
period of at most a month the search looks at all text columns, otherwise only at what an index
finds (`bookings.search`).
"""

from datetime import datetime, time, timedelta

from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import WAITING_STATUSES
from bookings.search import find_bookings, find_in_texts
from drivers.admin.fleet import PK
from drivers.models import Customer
from drivers.times import day_of

# [first, end) in days from today.
PERIODS = {
    "today": (0, 1),
    "tomorrow": (1, 2),
    "yesterday": (-1, 0),
    "week": (0, 7),
    "past": (-7, 0),
}
CUSTOMERS_SHOWN = 200
LONGEST = timedelta(days=31)  # a period whose bookings may be searched word by word


def period_of(params, zone):
    """Return the period of requested pickups, [start, end), or None for all days.

    `params` has "day", a key of PERIODS or "all", or dates "from" and "to" (inclusive).
    Raises ValueError.
    """
    today = timezone.localdate(timezone=zone)
    if params.get("day") in PERIODS:
        first, end = (today + timedelta(days=days) for days in PERIODS[params["day"]])
    elif params.get("from") or params.get("to"):
        first = day_of(params.get("from") or params["to"])
        last = day_of(params.get("to") or params["from"])
        end = last + timedelta(days=1)
        if first >= end:
            raise ValueError(_("The period ends before it starts."))
    else:
        return None
    return tuple(datetime.combine(day, time.min, zone) for day in (first, end))


def days_asked(params):
    """Return the "day" that a list of trips shows, "" if it is the range `from` and `to`.

    Today unless told otherwise; a search, and the choice of a booking in a window of its own, are
    of all days.
    """
    if params.get("day") or params.get("from") or params.get("to"):
        return params.get("day", "")
    return "all" if params.get(SEARCH_VAR) or IS_POPUP_VAR in params else "today"


class DayFilter(admin.SimpleListFilter):
    """The local day of `field`, or a range of days, `from` and `to` in the URL; else all days."""

    title = gettext_lazy("day")
    parameter_name = "day"
    template = "bookings/day_filter.html"
    field = "scheduled_time"

    def __init__(self, request, params, model, model_admin):
        self.bounds = {name: params.pop(name)[-1] for name in ("from", "to") if name in params}
        self.query = request.GET
        super().__init__(request, params, model, model_admin)

    def lookups(self, request, model_admin):
        return [
            ("today", _("Today")),
            ("tomorrow", _("Tomorrow")),
            ("week", _("7 days from today")),
            ("past", _("Last 7 days")),
        ]

    def value(self):
        return super().value() or ("" if any(self.bounds.values()) else "all")

    def choices(self, changelist):
        """Yield the choices; the range and the other parameters go to the template's form."""
        own = {"from", "to", "day", "p"}
        self.others = [item for item in changelist.params.items() if item[0] not in own]
        for value, name in [("all", _("All days")), *self.lookup_choices]:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({"day": value}, ["from", "to", "p"]),
                "display": name,
            }

    def period(self):
        """Return the period, [start, end), or None for all days. Raises ValueError."""
        zone = timezone.get_current_timezone()
        return period_of(self.bounds | {"day": self.value()}, zone)

    def queryset(self, request, queryset):
        try:
            period = self.period()
        except ValueError as error:
            message = _("Write days like 2026-06-17: %(error)s") % {"error": error}
            messages.error(request, message)
            return queryset.none()
        if period is None:
            return queryset
        return queryset.filter(**{f"{self.field}__gte": period[0], f"{self.field}__lt": period[1]})


class TripDayFilter(DayFilter):
    """The day of the requested pickup, and the links of the bar above the list."""

    def value(self):
        return days_asked(self.query)

    @property
    def is_read(self):
        """Return whether the days could be read."""
        try:
            self.period()
        except ValueError:
            return False
        return True

    @property
    def days(self):
        """Return the first and the last day of the period, or None for all days."""
        period = self.period()
        return period and (period[0].date(), period[1].date() - timedelta(days=1))

    def day_link(self, day):
        """Return the query of the same list on this day."""
        return self._link({"from": day.isoformat(), "to": day.isoformat()})

    @property
    def before(self):
        return self.day_link(self.days[0] - timedelta(days=1))

    @property
    def after(self):
        return self.day_link(self.days[1] + timedelta(days=1))

    @property
    def today(self):
        return self._link({"day": "today"})

    @property
    def all_days(self):
        return self._link({"day": "all"})

    def _link(self, values):
        query = self.query.copy()
        for name in ("from", "to", "day", "p"):
            query.pop(name, None)
        query.update(values)
        return f"?{query.urlencode()}"


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
        return queryset.filter(status__in=WAITING_STATUSES)


class CustomerFilter(admin.SimpleListFilter):
    """The customer that owns the rows; no choice where a company has the default one only."""

    title = gettext_lazy("customer")
    parameter_name = "customer"

    def lookups(self, request, model_admin):
        rows = Customer.objects.filter(company=request.company).order_by("name", "id")
        names = list(rows.values_list("id", "name")[:CUSTOMERS_SHOWN])
        return names if len(names) > 1 else []

    def has_output(self):
        return super().has_output() or self.value() is not None

    def queryset(self, request, queryset):
        value = self.value() or ""
        if not value:
            return queryset
        return queryset.filter(customer=int(value)) if PK.fullmatch(value) else queryset.none()


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
