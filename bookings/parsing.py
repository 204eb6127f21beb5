"""Parse the cells of a booking file into values, with errors that say what would be right.

Every function takes a stripped text and returns a value or raises BadValueError. Times are local
to the company unless they have an offset, and are returned in UTC. No database.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bookings.models import RIDE_AT_MOST, Booking
from drivers.models import validate_tags
from drivers.times import EARLIEST, LATEST, YEARS

PEOPLE_AT_MOST = 100  # the largest vehicle there may be
NOTES_AT_MOST = 5_000
NEEDS_AT_MOST, NEED_LENGTH = 20, 40

# Control characters except tab and line feed, and lone surrogates.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
COORDINATE = re.compile(r"[+-]?[0-9]{1,3}(?:[.,][0-9]{0,20})?(?:[eE][+-]?[0-9]{1,2})?")
WHOLE = re.compile(r"([0-9]{1,9})(?:[.,]0{1,6})?")
SHORTENED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+")
# In English, French and German: #N/A, #REF!, #NOM?, #WERT!; ##### is a column too narrow.
SHEET_ERROR = re.compile(r"#(?:N/A|NV|DIV/0!|[A-ZÀ-Ü_]+[!?]|#{2,})")
EXCEL_DATE = re.compile(r"[0-9]{5}(?:[.,][0-9]+)?")
CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,][0-9]{1,9})?)?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?"
    r"(?: ?(?P<offset>z|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
ISO = re.compile(
    rf"(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{1,2}})-(?P<day>[0-9]{{1,2}})(?:t| ){CLOCK}",
    re.IGNORECASE,
)
DOTTED = re.compile(
    rf"(?P<day>[0-9]{{1,2}})\.(?P<month>[0-9]{{1,2}})\.(?P<year>[0-9]{{4}}) {CLOCK}", re.IGNORECASE
)
SLASHED = re.compile(
    rf"(?P<first>[0-9]{{1,2}})/(?P<second_number>[0-9]{{1,2}})/(?P<year>[0-9]{{4}}) {CLOCK}",
    re.IGNORECASE,
)
DAY_FIRST, MONTH_FIRST = "day", "month"

TRUTHS = dict.fromkeys(("yes", "true", "1", "oui"), True)
TRUTHS |= dict.fromkeys(("", "no", "false", "0", "non"), False)


class BadValueError(ValueError):
    """A cell is not a valid value of its column; the message says what would be right."""


def refuse_sheet_error(value: str) -> None:
    """Raise BadValueError for what a spreadsheet shows instead of a value, such as #N/A."""
    if SHEET_ERROR.fullmatch(value):
        raise BadValueError(
            _("the spreadsheet shows an error instead of a value: correct it there")
        )


def text(value: str, *, at_most: int | None) -> str:
    """Return one line; line breaks and runs of spaces become one space."""
    return _printable(" ".join(value.split()), at_most)


def long_text(value: str, *, at_most: int = NOTES_AT_MOST) -> str:
    """Return text that may have several lines."""
    return _printable("\n".join(line.strip() for line in value.splitlines()), at_most)


def reference(value: str) -> str:
    if not value:
        raise BadValueError(_("write the booking's own number, which identifies it"))
    return text(value, at_most=Booking._meta.get_field("reference").max_length)


def latitude(value: str) -> float:
    return _degrees(value, 90, "46.1936")


def longitude(value: str) -> float:
    return _degrees(value, 180, "6.1487")


def people(value: str, *, least: int, default: int | None = None) -> int:
    """Return a whole number of persons; an empty cell means the default, if there is one."""
    if not value and default is not None:
        return default
    match = WHOLE.fullmatch(value)
    if not match or not least <= int(match[1]) <= PEOPLE_AT_MOST:
        raise BadValueError(
            _("write a whole number from %(least)s to %(most)s")
            % {"least": least, "most": PEOPLE_AT_MOST}
        )
    return int(match[1])


def priority(value: str) -> int:
    names = {choice.name.lower(): choice for choice in Booking.Priority}
    numbers = {str(choice.value): choice for choice in Booking.Priority}
    if not value:
        return int(Booking.Priority.NORMAL)
    try:
        return int((names | numbers)[value.lower()])
    except KeyError:
        raise BadValueError(_("write normal, high or urgent (or 0, 1, 2)")) from None


def ride_minutes(value: str) -> int | None:
    """Return how many minutes somebody may be on board; an empty cell means no own limit."""
    if not value:
        return None
    match = WHOLE.fullmatch(value)
    if not match or not 1 <= int(match[1]) <= RIDE_AT_MOST:
        raise BadValueError(
            _("write minutes from 1 to %(most)s, such as 45") % {"most": RIDE_AT_MOST}
        )
    return int(match[1])


def truth(value: str, *, default: bool = False) -> bool:
    """Return whether the cell is a yes; an empty cell means the default."""
    if not value:
        return default
    try:
        return TRUTHS[value.lower()]
    except KeyError:
        raise BadValueError(_("write yes or no")) from None


def needs(value: str) -> list[str]:
    """Return distinct lower-case words in their written order."""
    written = re.split(r"[\s|,;]+", _printable(value, None).lower())
    words = list(dict.fromkeys(word for word in written if word))
    if len(words) > NEEDS_AT_MOST or any(len(word) > NEED_LENGTH for word in words):
        raise BadValueError(
            _("write at most %(words)s words of at most %(length)s letters")
            % {"words": NEEDS_AT_MOST, "length": NEED_LENGTH}
        )
    try:
        validate_tags(words)
    except ValidationError as error:
        raise BadValueError(error.messages[0]) from None
    return words


def moment(value: str, *, zone: tzinfo, order: str | None = None) -> datetime:
    """Return the date and time in UTC.

    13.06.2026 has the day first. Dates with slashes are read as `order` says; without it,
    13/06/2026 and 06/13/2026 are unambiguous, and 05/06/2026 is refused. A local time that a clock
    change skips or repeats is refused too.
    """
    value = " ".join(value.split())
    if EXCEL_DATE.fullmatch(value):
        raise BadValueError(
            _("this is Excel's number for a date; format the column as date and time")
        )
    match = ISO.fullmatch(value) or DOTTED.fullmatch(value) or SLASHED.fullmatch(value)
    if not match:
        raise BadValueError(_("write a date and a time, such as 2026-06-17T08:30"))
    parts = match.groupdict()
    if "first" in parts:
        day, month = _day_and_month(int(parts["first"]), int(parts["second_number"]), order)
    else:
        day, month = int(parts["day"]), int(parts["month"])
    try:
        minute, second = int(parts["minute"]), int(parts["second"] or 0)
        wall = (int(parts["year"]), month, day, _hour(parts), minute, second)
        local = datetime(*wall, tzinfo=zone)
    except ValueError:
        raise BadValueError(_("there is no such date or time")) from None
    _require_year(local.year in YEARS)  # others may have no moment in UTC
    if parts["offset"]:
        at = local.replace(tzinfo=_offset(parts["offset"])).astimezone(UTC)
    else:
        at = _local_to_utc(local)
    _require_year(EARLIEST <= at < LATEST)
    return at


def _require_year(is_valid: bool) -> None:
    if not is_valid:
        raise BadValueError(
            _("write a year from %(first)s to %(last)s") % {"first": YEARS[0], "last": YEARS[-1]}
        )


def _printable(value: str, at_most: int | None) -> str:
    if match := UNPRINTABLE.search(value):
        raise BadValueError(
            _("remove the unprintable character U+%(code)s") % {"code": f"{ord(match[0]):04X}"}
        )
    if SHORTENED.fullmatch(value):
        raise BadValueError(_("Excel has shortened this number; format the column as text"))
    if at_most and len(value) > at_most:
        raise BadValueError(
            _("write at most %(most)s characters, not %(length)s")
            % {"most": at_most, "length": len(value)}
        )
    return value


def _degrees(value: str, limit: int, example: str) -> float:
    degrees = float(value.replace(",", ".")) if COORDINATE.fullmatch(value) else None
    if degrees is None or not -limit <= degrees <= limit:
        raise BadValueError(
            _("write degrees from -%(limit)s to %(limit)s, such as %(example)s")
            % {"limit": limit, "example": example}
        )
    return degrees


def _day_and_month(first: int, second: int, order: str | None) -> tuple[int, int]:
    if order == DAY_FIRST or (not order and (first > 12 >= second or first == second)):
        return first, second
    if order == MONTH_FIRST or (not order and second > 12 >= first):
        return second, first
    raise BadValueError(
        _("day or month first? Write it as 2026-06-17, or import with --dates day (or month)")
    )


def _hour(parts: dict[str, str]) -> int:
    hour = int(parts["hour"])
    if not parts["half"]:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("a twelve-hour clock shows 1 to 12")
    return hour % 12 + (12 if parts["half"].lower() == "p" else 0)


def _offset(text: str) -> tzinfo:
    if text in "zZ":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 14 or minutes > 59:
        raise BadValueError(_("write an offset from -14:00 to +14:00"))
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1))


def _local_to_utc(local: datetime) -> datetime:
    first, second = (local.replace(fold=fold) for fold in (0, 1))
    offset, later_offset = first.utcoffset(), second.utcoffset()
    if offset is None or later_offset is None or offset == later_offset:
        return first.astimezone(UTC)
    before, after = (moment.isoformat(timespec="minutes") for moment in (first, second))
    if offset > later_offset:
        raise BadValueError(
            _("this time occurs twice when the clocks go back: write %(before)s or %(after)s")
            % {"before": before, "after": after}
        )
    right = first.astimezone(UTC).astimezone(local.tzinfo).isoformat(timespec="minutes")
    raise BadValueError(
        _("this time is skipped when the clocks go forward: write %(right)s, for example")
        % {"right": right}
    )
