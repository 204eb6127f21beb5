"""Reasons why a trip did not take place, as codes that can be counted."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reason(models.TextChoices):
    NOT_THERE = "not_there", _("client was not there")
    REFUSED = "refused", _("client did not want to ride")
    UNWELL = "unwell", _("client not fit to travel")
    WRONG_PLACE = "wrong_place", _("wrong address or time")
    CALLED_OFF = "called_off", _("called off by the client")
    INSTITUTION = "institution", _("called off by the institution")
    OUR_FAULT = "our_fault", _("no vehicle or driver available")
    OTHER = "other", _("other")


NO_SHOW = (Reason.NOT_THERE, Reason.REFUSED, Reason.UNWELL, Reason.WRONG_PLACE, Reason.OTHER)
AT_THE_DOOR = (Reason.REFUSED, Reason.UNWELL, Reason.WRONG_PLACE, Reason.OUR_FAULT, Reason.OTHER)
BEFOREHAND = (
    Reason.CALLED_OFF,
    Reason.INSTITUTION,
    Reason.UNWELL,
    Reason.OUR_FAULT,
    Reason.OTHER,
)


def written(code: str, note: str = "") -> str:
    """Return the text to store: the code, and the note after a colon."""
    return f"{code}: {note}" if code and note else code or note


def code_of(text: str) -> str:
    """Return the code of a stored reason, "" of other text."""
    code = text.partition(": ")[0]
    return code if code in Reason.values else ""


def read(text: str) -> str:
    """Return a stored reason for people: the code's label and the note, or other text unchanged."""
    code, colon, note = text.partition(": ")
    if code not in Reason.values:
        return text
    return f"{Reason(code).label}{colon}{note}"
