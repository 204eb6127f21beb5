"""Switch a company's messages on: from then on, and nothing of what waited before."""

from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from bookings.models import Event, Message, MessagePolicy
from bookings.models.messages import WAITS

# What the workers write, and no form.
KEPT = {"id", "company", "seen_event_id", "reminded_day", "on_since"}


def save_policy(policy: MessagePolicy, *, now: datetime) -> None:
    """Save what the company has set: at most 5 statements.

    If it has switched its messages on, the log is looked at from here on.
    """
    with transaction.atomic():
        stored = MessagePolicy.objects.select_for_update().filter(pk=policy.pk).first()
        if policy.is_on and not (stored and stored.is_on):
            last = Event.objects.filter(company=policy.company_id).aggregate(last=Max("id"))["last"]
            policy.on_since, policy.seen_event_id = now, last or 0
            Message.objects.filter(WAITS, company=policy.company_id).update(
                status=Message.Status.DROPPED, reason=_("Messages were switched off."), done_at=now
            )
            policy.save()
            return
        names = [field.name for field in MessagePolicy._meta.concrete_fields]
        policy.save(update_fields=[name for name in names if name not in KEPT] if stored else None)
