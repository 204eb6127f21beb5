"""The words of messages: the company's own, or the usual ones in its languages."""

from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from bookings.models import MessageKind
from bookings.models.message_texts import PLACEHOLDER
from drivers.models import Company

# Without anything of a person: a telephone may lie on a table.
USUAL = {
    MessageKind.BOOKED: gettext_noop("The trip on {day} at {clock} is booked. {company}"),
    MessageKind.REMINDER: gettext_noop("The car comes on {day} at {clock}. {company}"),
    MessageKind.ON_THE_WAY: gettext_noop(
        "The car {plate} is on the way and arrives at about {clock}. {company}"
    ),
    MessageKind.LATE: gettext_noop(
        "The car is more than {minutes} minutes late and comes at about {clock}. We are sorry. "
        "{company}"
    ),
    MessageKind.CHANGED: gettext_noop(
        "The trip has changed: the car comes on {day} at {clock}. {company}"
    ),
    MessageKind.CANCELED: gettext_noop("The trip on {day} at {clock} is canceled. {company}"),
}
# Without a time, where nobody knows when the car comes.
UNTIMED = {
    MessageKind.ON_THE_WAY: gettext_noop("The car {plate} is on the way. {company}"),
    MessageKind.LATE: gettext_noop(
        "The car is more than {minutes} minutes late. We are sorry. {company}"
    ),
}


def render(
    kind: str,
    own_text: str | None,
    *,
    language: str,
    company: Company,
    at: datetime | None,
    plate: str,
    minutes: int,
    link: str = "",
    is_straight: bool = False,
) -> str:
    """Return the text of a message in a language; `own_text` are the company's words, if any.

    Without `at` it names no time: own words that do give way to the usual ones without. `link` is
    the address of the trip's page, "" for none; without `{link}` it comes last. Where `at` comes of
    driving times that are straight lines (`is_straight`), it is said with the time.
    """
    with override(language):
        values = {
            "company": company.name,
            "plate": plate,
            "minutes": str(minutes),
            "link": link,
        }
        if at is not None:
            values["day"] = date_format(company.local(at), "MONTH_DAY_FORMAT")
            values["clock"] = company.clock(at)
            if is_straight:
                values["clock"] += " " + _("(estimated by straight line)")
        text = own_text or _(USUAL[MessageKind(kind)])
        if not values.keys() >= {*PLACEHOLDER.findall(text)}:
            text = _(UNTIMED[MessageKind(kind)])
    if "{link}" not in text:
        text += " {link}"
    filled = PLACEHOLDER.sub(lambda found: values[found[1]], text)
    return " ".join(filled.split())


def subject(company: Company, language: str) -> str:
    """Return the subject of an e-mail."""
    with override(language):
        return _("Your trip with %(company)s") % {"company": " ".join(company.name.split())}
