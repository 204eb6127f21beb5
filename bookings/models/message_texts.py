"""A company's own words for its messages, and what they may name."""

import re

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.models.messages import MessageKind, MessagePolicy
from drivers.db.rules import CHOICE, KeptCheck, Unique
from drivers.models import Customer
from drivers.models.customer import OF_ANOTHER_COMPANY

PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
LONGEST = 480  # characters: three parts of an SMS
# What a text of each kind may name; `dispatch.messages.texts` fills it in.
PLACEHOLDERS = {
    MessageKind.BOOKED: {"company", "day", "clock", "link"},
    MessageKind.REMINDER: {"company", "day", "clock", "plate", "link"},
    MessageKind.ON_THE_WAY: {"company", "day", "clock", "plate", "link"},
    MessageKind.LATE: {"company", "day", "clock", "plate", "minutes", "link"},
    MessageKind.CHANGED: {"company", "day", "clock", "link"},
    MessageKind.CANCELED: {"company", "day", "clock"},
}


class MessageText(models.Model):
    """A company's own words for one kind of message in one language, instead of the usual ones.

    Those of a customer are told to the clients of its trips; where it has none, the company's.
    """

    policy = models.ForeignKey(
        MessagePolicy,
        models.CASCADE,
        db_index=False,
        related_name="texts",
        verbose_name=_("message settings"),
    )
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="message_texts",
        verbose_name=_("customer"),
        help_text=_("Of whose trips it is told; empty: of all that have no text of their own."),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=MessageKind)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    text = models.CharField(
        _("text"),
        max_length=LONGEST,
        help_text=_(
            "With {company}, {day}, {clock}; {plate} in reminders, “on the way” and “late”; "
            "{minutes} in “late”; {link}, the page of the trip, in all but “canceled”."
        ),
    )

    class Meta:
        verbose_name = _("message text")
        verbose_name_plural = _("message texts")
        constraints = [
            Unique(
                fields=["policy", "kind", "language"],
                condition=Q(customer=None),
                name="message_text_once",
                says=_("There is a text of this kind in this language already."),
                field="language",
            ),
            Unique(
                fields=["customer", "kind", "language"],
                condition=Q(customer__isnull=False),
                name="message_text_once_of_customer",
                says=_("The customer has a text of this kind in this language already."),
                field="language",
            ),
            KeptCheck(
                condition=Q(kind__in=MessageKind.values),
                name="message_text_kind_known",
                says=CHOICE,
                field="kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.language})"

    def clean(self) -> None:
        customer = self.customer if self.policy_id else None
        if customer is not None and customer.company_id != self.policy.company_id:
            raise ValidationError({"customer": OF_ANOTHER_COMPANY})
        if self.kind in PLACEHOLDERS:
            check_text(self.kind, self.text)


def check_text(kind: str, text: str) -> None:
    """Refuse a text with other placeholders than its kind has. Raises ValidationError."""
    known = PLACEHOLDERS[MessageKind(kind)]
    strange = sorted(set(PLACEHOLDER.findall(text)) - known)
    if strange or re.search(r"[{}]", PLACEHOLDER.sub("", text)):
        wrong = f"{{{strange[0]}}}" if strange else "{ }"
        usable = ", ".join(f"{{{name}}}" for name in sorted(known))
        raise ValidationError(
            {"text": _("%(wrong)s cannot stand here; this kind of message has %(usable)s.")
             % {"wrong": wrong, "usable": usable}}
        )  # fmt: skip
