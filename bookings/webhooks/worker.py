"""Deliver events to webhooks: queue new events, claim due deliveries, send, record answers.

Every step commits by itself, and any number of workers may run at once. A worker killed between
two steps has at worst sent a delivery without recording it: it is sent again after its claim.
"""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, FilteredRelation, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.events import event_facts
from bookings.models import Actor, Delivery, Door, Event, Webhook
from bookings.webhooks.sending import DEADLINE_S, post
from bookings.webhooks.signing import signatures
from drivers.db.bulk import update_rows

QUEUED_AT_ONCE = 1_000
SENT_AT_ONCE = 32
THREADS = 8
# Long enough for a whole batch: each thread sends four deliveries in turn; times two.
CLAIM = timedelta(seconds=2 * DEADLINE_S * SENT_AT_ONCE / THREADS)
# Waiting times: 10 s, 40 s, 3 min, 11 min, 43 min, 3 h, 11 h; then the webhook is disabled.
MOST_ATTEMPTS = 8
FIRST_WAIT_S, GROWTH, JITTER = 10, 4, 0.2
KEPT = timedelta(days=30)
GONE = 410


def deliver(*, now: datetime) -> int:
    """Queue and send one batch; return how many deliveries were attempted. At most 12 queries."""
    queue_deliveries(now=now)
    batch = claim_deliveries(now=now)
    if not batch:
        return 0
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(_send, batch))
    record_answers(list(zip(batch, answers, strict=True)), now=timezone.now())
    return len(batch)


def queue_deliveries(*, now: datetime) -> int:
    """Create deliveries for new events and return how many: 1 query if there are none, else 5.

    Each webhook's events are taken in order and without gaps.
    """
    if not _unseen(Q(company__webhooks__is_active=True)).exists():
        return 0
    with transaction.atomic():
        locked = Webhook.objects.filter(is_active=True).select_for_update(skip_locked=True)
        kinds = dict(locked.order_by("id").values_list("id", "kinds"))
        pairs = _unseen(Q(company__webhooks__id__in=list(kinds))).order_by("id", "webhook__id")
        seen, deliveries = {}, []
        for webhook_id, event_id, kind in pairs.values_list("webhook__id", "id", "kind")[
            :QUEUED_AT_ONCE
        ]:
            seen[webhook_id] = event_id
            if not kinds[webhook_id] or kind in kinds[webhook_id]:
                deliveries.append(
                    Delivery(webhook_id=webhook_id, event_id=event_id, due_at=now, created_at=now)
                )
        Delivery.objects.bulk_create(deliveries)
        update_rows(Webhook, ["seen_event_id"], sorted(seen.items()))
    return len(deliveries)


def _unseen(webhooks):
    """Return the events paired with each `webhook` of these that has not seen them."""
    these = FilteredRelation("company__webhooks", condition=webhooks)
    return Event.objects.alias(webhook=these).filter(id__gt=F("webhook__seen_event_id"))


def claim_deliveries(*, now: datetime) -> list[Delivery]:
    """Claim due deliveries, with their webhooks and events: 1 query if there are none, else 3."""
    if not Delivery.objects.due(now).exists():
        return []
    with transaction.atomic():
        batch = list(
            Delivery.objects.due(now)
            .select_related("webhook", "event")
            .select_for_update(of=("self",), skip_locked=True)
            .order_by("due_at", "id")[:SENT_AT_ONCE]
        )
        for delivery in batch:
            delivery.attempts += 1
        Delivery.objects.filter(id__in=[delivery.id for delivery in batch]).update(
            due_at=now + CLAIM, attempts=F("attempts") + 1
        )
    return batch


def _send(delivery):
    """Sign and send a delivery. No query: this runs in another thread."""
    now, message_id = timezone.now(), message_id_of(delivery)
    body = body_of(delivery.event)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Dispatchsite",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures(delivery.webhook, message_id, body, now=now),
    }
    return post(delivery.webhook.url, body, headers)


def message_id_of(delivery) -> str:
    """Return the id by which receivers recognise a repeated delivery."""
    return f"evt_{delivery.webhook_id}_{delivery.event_id}"


def body_of(event) -> bytes:
    facts = event_facts(event)
    body = {"type": event.kind, "timestamp": facts["at"], "data": facts}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def record_answers(results, *, now: datetime) -> None:
    """Record the answers; a refused delivery is due again later or has failed: at most 5 queries.

    A webhook that refused is paused until the first of its deliveries is due again; after the last
    attempt it is disabled, with an event in the log.
    """
    rows, rests, hopeless = [], {}, {}
    for delivery, answer in results:
        webhook_id, due_at = delivery.webhook_id, now
        if answer.is_taken:
            status = Delivery.Status.DELIVERED
            rests.setdefault(webhook_id, None)
        elif delivery.attempts >= MOST_ATTEMPTS or answer.code == GONE:
            status = Delivery.Status.FAILED
            hopeless[webhook_id] = delivery.webhook, answer.error
        else:
            status = Delivery.Status.PENDING
            due_at = now + waiting_time(delivery.attempts)
            rests[webhook_id] = min(rests.get(webhook_id) or due_at, due_at)
        rows.append((delivery.id, status, due_at, now, answer.code, answer.ms, answer.error))
    names = ["status", "due_at", "last_at", "last_code", "last_ms", "last_error"]
    with transaction.atomic():
        update_rows(Delivery, names, sorted(rows))
        update_rows(Webhook, ["rests_until"], sorted(rests.items()))
        for error in sorted({error for _webhook, error in hopeless.values()}):
            disabled_ids = [webhook.id for webhook, why in hopeless.values() if why == error]
            Webhook.objects.filter(id__in=disabled_ids).update(
                is_active=False, disabled_reason=error
            )
        Event.objects.bulk_create(
            [_switched_off(webhook, error, now) for webhook, error in hopeless.values()]
        )


def waiting_time(attempts: int) -> timedelta:
    """Return the waiting time after an attempt: exponential, with 20 % jitter."""
    seconds = FIRST_WAIT_S * GROWTH ** (attempts - 1)
    jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  spreads retries, keeps no secret
    return timedelta(seconds=seconds * jitter)


def _switched_off(webhook, error, now):
    actor = Actor(Door.WORKER, name="deliver_webhooks")
    return Event(
        company_id=webhook.company_id,
        kind=Event.Kind.WEBHOOK_DISABLED,
        at=now,
        actor=actor.name,
        door=actor.door,
        new={"webhook": webhook.id},
        reason=_("Disabled: %(error)s") % {"error": error[:180]},
    )


def redeliver(delivery: Delivery, *, now: datetime) -> None:
    """Make a delivery due again, whatever its status: 1 query."""
    delivery.status, delivery.attempts, delivery.due_at = Delivery.Status.PENDING, 0, now
    delivery.save(update_fields=["status", "attempts", "due_at"])


def clear_deliveries(*, now: datetime) -> int:
    """Delete expired deliveries that are not pending; return how many: 1 query."""
    over = Delivery.objects.filter(created_at__lte=now - KEPT).exclude(
        status=Delivery.Status.PENDING
    )
    return over.delete()[0]
