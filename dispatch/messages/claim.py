"""Claim the messages that are due: a company's by one worker at a time, a person's in order."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import override

from bookings.models import Message, MessagePolicy
from bookings.models.messages import WAITS
from dispatch.messages.gather import SETTLES

OF_COMPANY = 8  # at once, so that who is slow keeps nobody else waiting
CLAIM = timedelta(minutes=1)  # until others may try: three times as long as an SMS may take
CLAIM_MAIL = timedelta(minutes=10)  # a mail server may be slow at each of a dozen steps
TRIED = Q(attempts__gt=0)
NEAR = timedelta(days=1)  # trips within it come first
KEPT_FOR_NEAR = 5  # a fifth of a day's messages is kept for them


def due(now: datetime) -> QuerySet[Message]:
    """Return the messages that may be sent now.

    Not those behind an earlier one to the same person, which is due or was tried; nor those of a
    trip of which something newer is settling: that is told with it.
    """
    waiting = Message.objects.filter(WAITS, person=OuterRef("person"))
    earlier = waiting.filter(client=OuterRef("client"), id__lt=OuterRef("id")).filter(
        Q(attempts__gt=0) | Q(due_at__lte=now)
    )
    settling = waiting.filter(
        booking=OuterRef("booking"),
        id__gt=OuterRef("id"),
        due_at__gt=now,
        due_at__lte=now + SETTLES,
        attempts=0,
    )
    return Message.objects.filter(WAITS, ~Exists(earlier), due_at__lte=now).filter(
        Q(attempts__gt=0) | ~Exists(settling)
    )


def claim(*, now: datetime, busy: Sequence[Message] = (), most: int) -> list[Message]:
    """Claim due messages, with bookings, clients and companies: 1 statement if none, else 5.

    At most `most`, and none that are `busy`; of a company no more than fit beside those: trips
    within a day first, then the longest due. What is above its limit of the day waits for the next
    one (1 statement more for each midnight, language and kind of limit); what was tried before
    counts already. Companies that another worker claims from at this moment are left to it.
    """
    if most <= 0:
        return []
    of_company = Counter(message.company_id for message in busy)
    ready = due(now).exclude(pk__in=[message.pk for message in busy])
    first = ready.filter(company=OuterRef("company")).order_by("due_at", "id")
    waiting = (
        MessagePolicy.objects.filter(is_on=True)
        .exclude(company__in=[pk for pk, count in of_company.items() if count >= OF_COMPANY])
        .alias(first_due=Subquery(first.values("due_at")[:1]))
        .filter(first_due__isnull=False)
        .order_by("first_due", "id")
    )
    ids = list(waiting.values_list("id", flat=True)[:most])
    if not ids:
        return []
    with transaction.atomic():
        rows = MessagePolicy.objects.filter(id__any_of=ids).select_related("company")
        locked = list(rows.select_for_update(of=("self",), skip_locked=True, no_key=True))
        sent = sent_today(locked, now)
        chosen, is_later = Q(pk__in=[]), Case(When(TRIED | _near(now), then=0), default=1)
        full: defaultdict[tuple[datetime, str, bool], list[int]] = defaultdict(list)
        rooms = {}
        for policy in locked:
            company = policy.company
            room = policy.daily_limit - sent[company.pk]
            room_later = room - policy.daily_limit // KEPT_FOR_NEAR
            if room_later <= 0:
                midnight = company.day_bounds(company.local(now).date())[1]
                full[midnight, policy.language, room > 0].append(company.pk)
            count = min(OF_COMPANY - of_company[company.pk], most)
            rooms[company.pk] = _Room(count, room, room_later)
            mine = ready.filter(company=company).alias(is_later=is_later)
            if room_later <= 0:
                mine = mine.filter(TRIED | _near(now) if room > 0 else TRIED)
            mine = mine.order_by("is_later", "due_at", "id")
            chosen |= Q(id__in=mine.values("id")[:count])
        for (midnight, language, only_later), company_ids in full.items():
            above = Message.objects.filter(WAITS, ~TRIED, company__in=company_ids, due_at__lte=now)
            with override(language):
                reason = _("The messages of the day are used up.")
            (above.filter(~_near(now)) if only_later else above).update(
                due_at=midnight, reason=reason
            )
        # The company and the time are in `chosen` too, but only so the index is used.
        found = (
            Message.objects.filter(WAITS, chosen, company__in=list(rooms), due_at__lte=now)
            .select_related("booking", "client", "company__message_policy")
            .annotate(is_later=is_later)
            .order_by("is_later", "due_at", "id")
        )
        batch: list[Message] = [
            message for message in found if rooms[message.company_id].takes(message)
        ]
        batch = sorted(batch, key=lambda message: (message.due_at, message.pk))[:most]
        for message in batch:
            message.attempts += 1
            message.due_at = now + CLAIM
            message.first_at = message.first_at or now
        Message.objects.filter(id__any_of=sorted(message.pk for message in batch)).update(
            due_at=now + CLAIM, attempts=F("attempts") + 1, first_at=Coalesce("first_at", now)
        )
    return batch


def _near(now: datetime) -> Q:
    return Q(booking__scheduled_time__lte=now + NEAR)


@dataclass(slots=True)
class _Room:
    """How many more messages of a company fit: beside each other, and today, of later trips too."""

    count: int
    today: int
    later: int

    def takes(self, message: Any) -> bool:
        """Take a message if it fits; it was annotated with `is_later`."""
        is_tried = message.attempts > 0
        if self.count <= 0 or not (
            is_tried or (self.today > 0 and (not message.is_later or self.later > 0))
        ):
            return False
        self.count -= 1
        if not is_tried:
            self.today -= 1
            self.later -= 1
        return True


def sent_today(policies: Sequence[MessagePolicy], now: datetime) -> Counter[int]:
    """Count by company what was sent, or tried, on its local day: 1 statement."""
    today = Q(pk__in=[])
    for policy in policies:
        start_at, _end_at = policy.company.day_bounds(policy.company.local(now).date())
        today |= Q(company=policy.company_id, first_at__gte=start_at)
    counts = (
        Message.objects.filter(today)
        .exclude(status=Message.Status.DROPPED)
        .order_by()
        .values("company")
        .annotate(number=Count("id"))
    )
    return Counter(dict(counts.values_list("company", "number")))
