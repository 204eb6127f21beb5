"""Form fields of the admin: words written with commas, and moments of every night."""

import re
from datetime import UTC, datetime, timedelta
from datetime import timezone as fixed_zone

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from drivers.models import IN_YEARS
from drivers.times import YEARS, clock_of

OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>0[0-9]|1[0-4]):?(?P<minutes>[0-5][0-9])$")


class WordsField(forms.CharField):
    def __init__(self, *, encoder=None, decoder=None, **kwargs):  # what JSONField hands on
        super().__init__(**kwargs)

    def prepare_value(self, value):
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value):
        words = (word.strip().lower() for word in (value or "").split(","))
        return list(dict.fromkeys(word for word in words if word))


class WallClockField(forms.TimeField):
    """A clock time of no certain day, as people type it."""

    def to_python(self, value):
        if value in self.empty_values:
            return None
        if not isinstance(value, str):
            return super().to_python(value)
        try:
            return clock_of(value)
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from None


class ClockField(WallClockField):
    """A clock time, with the offset from UTC where it is needed: 02:30 or 02:30+01:00."""

    def to_python(self, value):
        found = OFFSET.search(value) if isinstance(value, str) else None
        if not found:
            return super().to_python(value)
        clock = super().to_python(value[: found.start()])
        offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
        zone = fixed_zone(-offset if found["sign"] == "-" else offset)
        return clock and clock.replace(tzinfo=zone)


class MomentWidget(UnfoldAdminSplitDateTimeWidget):
    """Show the day and the clock time, with its offset if that time is twice on the day."""

    def decompress(self, value):
        if not value:
            return [None, None]
        local = timezone.localtime(value).replace(microsecond=0)
        if len(meanings(local)) > 1:
            return [local.date(), _spelling(local)]
        return [local.date(), local.time()]


class MomentField(forms.SplitDateTimeField):
    """A day and a clock time of the current timezone; every moment can be written.

    A time that is twice on its day, or is skipped, is refused with the right spellings.
    """

    widget = MomentWidget

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.fields = (self.fields[0], ClockField(required=False))

    def compress(self, data_list):
        day, clock = data_list or (None, None)
        if day in self.empty_values or clock in self.empty_values:
            return super().compress(data_list)  # nothing, or an error
        require_year(day)
        return moment_on(day, clock, timezone.get_current_timezone())


class DayField(forms.DateField):
    """A day of the years in which moments are allowed."""

    def to_python(self, value):
        day = super().to_python(value)
        if day is not None:
            require_year(day)
        return day


def require_year(day):
    if day.year not in YEARS:
        raise ValidationError(IN_YEARS, code="bounds")


def moment_on(day, clock, zone):
    """Return the moment of a clock time, which may have an offset, on a day of the zone.

    Raises ValidationError for a time that is twice on the day, or is skipped.
    """
    if clock.tzinfo:
        return datetime.combine(day, clock)
    local = datetime.combine(day, clock, zone)
    moments = meanings(local)
    if len(moments) == 1:
        return moments[0]
    if moments:
        text = _("This time is twice on this day: write %(before)s or %(after)s.")
        before, after = map(_spelling, moments)
        values = {"before": before, "after": after}
    else:
        text = _("This time is skipped when the clocks go forward: write %(before)s or %(after)s.")
        around = sorted(
            local.replace(fold=fold).astimezone(UTC).astimezone(zone) for fold in (0, 1)
        )
        values = dict(zip(("before", "after"), (f"{at:%H:%M}" for at in around), strict=True))
    raise ValidationError(text, code="ambiguous_timezone", params=values)


def meanings(local):
    """Return the moments of a clock time in its zone, in order: one, two, or none if skipped."""
    wall = local.replace(tzinfo=None, fold=0)
    found = {}
    for fold in (0, 1):
        moment = local.replace(fold=fold).astimezone(UTC)
        if moment.astimezone(local.tzinfo).replace(tzinfo=None, fold=0) == wall:
            found[moment] = local.replace(fold=fold)
    return [found[moment] for moment in sorted(found)]


def _spelling(local):
    """Write a clock time with its offset; the seconds only if there are any."""
    whole = local.isoformat(timespec="seconds" if local.second else "minutes")
    return whole.partition("T")[2]  # not of `timetz`: a time of no day has no offset
