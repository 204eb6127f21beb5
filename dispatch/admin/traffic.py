"""The page of a company's traffic: its factors by the hour of the week, and their versions."""

from datetime import date, timedelta
from typing import NamedTuple

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch.day.travel_times import driving, say_driving, travel_times
from dispatch.traffic.learn import WEEKS, learn_traffic
from drivers.admin.base import ReadOnlyAdmin
from drivers.admin.pages import admin_page
from drivers.companies.actors import admin_actor
from drivers.companies.current import act_for
from drivers.companies.roles import OWNERS, companies_of
from drivers.fleet.traffic import TrafficRefused, restore_traffic, set_traffic
from drivers.models import TrafficVersion
from drivers.models.traffic import DAYS, HOURS, MOST
from drivers.refused import Refused

NAME = "drivers_trafficversion_changelist"
SHOWN = 20  # versions
WIDE, HIGH, LOWEST = 10, 100, 0.5  # an hour and the height of a curve, in pixels; its lowest factor
MONDAY = date(2024, 1, 1)


class Curve(NamedTuple):
    """A day of the page: its factors, and a curve of them as SVG; `band` is "" without intervals.

    `cells` are (hour, text of the factor, how much slower in percent of the slowest, its tooltip).
    """

    day: int
    name: str
    line: str
    band: str
    one: float
    cells: list[tuple[int, str, int, str]]


@admin.register(TrafficVersion)
class TrafficAdmin(ReadOnlyAdmin):
    """One page: staff sees it, owners change it."""

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show this version on the page."""
        version = self.get_object(request, object_id)
        if version is None:
            raise Http404
        return redirect(f"{reverse(f'admin:{NAME}')}?version={version.pk}")

    def changelist_view(self, request, extra_context=None):
        """Show the factors that count, or those of `?version=`: 1 statement more. POST changes."""
        if request.method == "POST":
            return self._change(request)
        if request.company is None or not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, request.company)

    def _page(self, request, company, *, entered=None, status=200):
        versions = list(
            TrafficVersion.objects.filter(company=company)
            .select_related("user")
            .order_by("-id")[:SHOWN]
        )
        asked = request.GET.get("version", "")
        shown = next((v for v in versions if str(v.pk) == asked), versions[0] if versions else None)
        factors = entered or _texts(shown.factors if shown else company.traffic)
        learned = shown.learned if shown and not entered else {}
        is_owner = company.pk in self._company_ids(request, OWNERS)
        return admin_page(
            self,
            request,
            "dispatch/traffic.html",
            title=_("Traffic"),
            status=status,
            company=company,
            driving=say_driving(driving(travel_times(company))),
            curves=_curves(factors, learned),
            hours=range(HOURS),
            hour_wide=WIDE,
            high=HIGH,
            is_free=not entered and not (shown and shown.factors),
            shown=shown,
            is_earlier=bool(shown and shown is not versions[0]),
            versions=[(version, _from_what(version)) for version in versions],
            from_what=_from_what(shown) if shown else "",
            may_write=is_owner or request.user.is_superuser,
            weeks=WEEKS,
        )

    def _change(self, request):
        """Learn, enter or restore the factors of the company that the form names."""
        slug = request.POST.get("company", "")
        company = get_object_or_404(companies_of(request.user, OWNERS), slug=slug)
        act_for(request, company.pk)
        now, actor = timezone.now(), admin_actor(request)
        what, entered = request.POST.get("what", ""), None
        try:
            if what == "learn":
                said = learn_traffic(company, now=now, actor=actor).summary()
            elif what == "restore":
                restore_traffic(company, _number(request.POST.get("version")), now=now, actor=actor)
                said = _("The earlier traffic counts again.")
            elif what == "free":
                set_traffic(company, [], TrafficVersion.Source.EDITED, now=now, actor=actor)
                said = _("Drives take as long as on free roads, at every hour.")
            else:
                entered = _entered(request.POST)
                factors = _read(entered)
                set_traffic(company, factors, TrafficVersion.Source.EDITED, now=now, actor=actor)
                said = _("The traffic was saved.")
        except Refused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return self._page(request, company, entered=entered, status=refusal.status)
        self.message_user(request, said, messages.SUCCESS)
        text = _(
            "Trips that are planned already keep the times of the old durations: "
            "plan the coming days again."
        )
        self.message_user(request, text, messages.WARNING)
        return redirect(reverse(f"admin:{NAME}"))


def _number(text):
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


def _texts(factors):
    """Return the week of factors as texts to enter; free roads where there are none."""
    return [[f"{factor:.2f}" for factor in day] for day in factors or [[1.0] * HOURS] * DAYS]


def _entered(form):
    return [[form.get(f"f-{d}-{h}", "").strip() for h in range(HOURS)] for d in range(DAYS)]


def _read(texts):
    """Return the factors that were entered. Raises TrafficRefused with day and hour."""
    factors: list[list[float]] = []
    for d, day in enumerate(texts):
        factors.append([])
        for h, text in enumerate(day):
            value = _factor(text)
            if value is None:
                raise TrafficRefused(
                    _("%(day)s, %(hour)d:00: “%(text)s” is no factor; enter one such as 1.25.")
                    % {"day": _name(d), "hour": h, "text": text}
                )
            factors[-1].append(value)
    return factors


def _factor(text):
    whole, _point, rest = text.replace(",", ".").partition(".")
    if not (whole + rest).isdecimal() or len(text) > 8:
        return None
    return float(f"{whole or 0}.{rest or 0}")


def _name(day):
    return date_format(MONDAY + timedelta(days=day), "l")


def _curves(texts, learned):
    within, counts = learned.get("within"), learned.get("counts")
    curves = []
    for d, day in enumerate(texts):
        factors = [_factor(text) or 1.0 for text in day]
        band = ""
        if within:
            upper = _steps([f + w for f, w in zip(factors, within[d], strict=True)])
            lower = _steps([f - w for f, w in zip(factors, within[d], strict=True)])
            band = " ".join([*upper, *reversed(lower)])
        cells = []
        for h, (text, factor) in enumerate(zip(day, factors, strict=True)):
            slow = round(min(max(factor - 1, 0) / (MOST - 1) * 2, 1) * 100)
            said = f"{h}:00"
            if counts:
                rides = ngettext("%(n)d ride", "%(n)d rides", counts[d][h]) % {"n": counts[d][h]}
                said += f" · {rides} · ± {within[d][h]:.2f}"
            cells.append((h, text, slow, said))
        curves.append(Curve(d, _name(d), " ".join(_steps(factors)), band, _y(1.0), cells))
    return curves


def _steps(factors):
    """Return the points of a curve that is level in each hour."""
    points = []
    for h, factor in enumerate(factors):
        y = _y(factor)
        points += [f"{h * WIDE},{y}", f"{(h + 1) * WIDE},{y}"]
    return points


def _y(factor):
    highest = 2.5
    share = (min(max(factor, LOWEST), highest) - LOWEST) / (highest - LOWEST)
    return round(HIGH * (1 - share), 1)


def _from_what(version):
    learned = version.learned
    if not learned:
        return _("free roads") if not version.factors else ""
    first, end = date.fromisoformat(learned["from"]), date.fromisoformat(learned["until"])
    return ngettext(
        "%(count)d ride from %(from)s to %(until)s",
        "%(count)d rides from %(from)s to %(until)s",
        learned["rides"],
    ) % {
        "count": learned["rides"],
        "from": date_format(first, "SHORT_DATE_FORMAT"),
        "until": date_format(end - timedelta(days=1), "SHORT_DATE_FORMAT"),
    }
