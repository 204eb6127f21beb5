"""What the owners of a company should know of its webhooks, on the first page that they see."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.models import Webhook
from drivers.models import Company

MOST = 5


@dataclass(frozen=True, slots=True)
class Notice:
    """A webhook that was switched off, or whose receiver refuses; `text` says what to do."""

    webhook: Webhook
    is_off: bool
    text: str


def notices_of(company: Company, *, now: datetime) -> list[Notice]:
    """Return what there is to know, the switched off first, at most five: 1 statement."""
    off = Q(is_active=False) & ~Q(disabled_reason="")
    rows = Webhook.objects.filter(off | Q(is_active=True, rests_until__gt=now), company=company)
    return [_notice(company, row) for row in rows.order_by("is_active", "id")[:MOST]]


def _notice(company: Company, webhook: Webhook) -> Notice:
    if webhook.is_active and webhook.rests_until is not None:
        text = _("%(url)s refuses events; it is asked again at %(at)s.") % {
            "url": webhook.url,
            "at": company.day_and_clock(webhook.rests_until),
        }
        return Notice(webhook, False, text)
    text = _("The webhook to %(url)s is switched off: %(why)s") % {
        "url": webhook.url,
        "why": webhook.disabled_reason,
    }
    return Notice(webhook, True, text)
