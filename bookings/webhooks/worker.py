"""Deliver events to webhooks: queue new events, claim due deliveries, send, record answers.

Every step commits by itself, and any number of workers may run at once. A worker killed between
two steps has at worst sent a delivery without recording it: it is sent again after its claim.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, F, FilteredRelation, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.events import event_facts
from bookings.models import Actor, Delivery, Door, Event, Webhook
from bookings.models.event import open_events
from bookings.models.webhooks import DUE
from bookings.webhooks.sending import DEADLINE_S, Answer, post
from bookings.webhooks.signing import signatures
from drivers.db.bulk import update_rows
from drivers.logins.mail import send_apart
from drivers.models import Role

QUEUED_AT_ONCE = 1_000
# A company is sent at most eight deliveries at once, a customer of it three and an address six,
# whatever waits for them: who is slow, dead or lying keeps nobody else waiting.
THREADS, OF_COMPANY, OF_CUSTOMER, OF_ADDRESS = 64, 8, 3, 6
LOOKS_EVERY_S = 0.5  # for new events, while deliveries are under way
# Until others may try what a worker has claimed: four times as long as an attempt may take.
CLAIM = timedelta(seconds=4 * DEADLINE_S)
# Waiting times: 10 s, 40 s, 3 min, 11 min, 43 min, 3 h, 11 h, then 12 h five times: a good three
# days; then the webhook is disabled.
MOST_ATTEMPTS = 13
FIRST_WAIT_S, GROWTH, JITTER = 10, 4, 0.2
LONGEST_WAIT_S = 12 * 3600
KEPT = timedelta(days=30)
GONE = 410
THIN = ("id", "kind", "booking", "assignment")


def deliver(*, now: datetime, stopped: Callable[[], bool] = lambda: False) -> int:
    """Queue events and send until nothing is due; return how many deliveries were attempted.

    Begins no more once `stopped()`, and then ends within the deadline of an attempt. Each look at
    the tables takes at most 14 statements, however much is due.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        return _deliver(pool, now, stopped)


def _deliver(pool: ThreadPoolExecutor, now: datetime, stopped: Callable[[], bool]) -> int:
    """Send what is due at `now`, which goes on by the clock, recording answers as they come in."""
    under_way: dict[Future[Answer], Delivery] = {}
    began, tried = time.monotonic(), 0
    while True:
        at = now + timedelta(seconds=time.monotonic() - began)
        if not stopped():
            queue_deliveries(now=at)
            busy = list(under_way.values())
            for delivery in claim_deliveries(now=at, busy=busy, most=THREADS - len(busy)):
                under_way[pool.submit(_send, delivery)] = delivery
                tried += 1
        if not under_way:
            return tried
        done, _others = wait(under_way, LOOKS_EVERY_S, return_when=FIRST_COMPLETED)
        if done:
            at = now + timedelta(seconds=time.monotonic() - began)
            record_answers([(under_way.pop(each), each.result()) for each in done], now=at)


def queue_deliveries(*, now: datetime) -> int:
    """Create deliveries for new events and return how many: 1 query if there are none, else 5.

    Each webhook's events are taken in order and without gaps.
    """
    behind = _behind()
    if not behind.exists():
        return 0
    with transaction.atomic():
        locked = behind.select_for_update(skip_locked=True)
        kinds = dict(locked.order_by("id").values_list("id", "kinds"))
        pairs = _unseen(list(kinds)).order_by("id", "webhook__id")
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


def _behind():
    """Return the active webhooks with unseen events: of the company, or of their customer."""
    unseen = Event.objects.filter(id__gt=OuterRef("seen_event_id"))
    of_company = Exists(unseen.filter(company=OuterRef("company")))
    of_customer = Exists(unseen.filter(customer=OuterRef("customer")))
    return Webhook.objects.filter(Q(customer=None) & of_company | of_customer, is_active=True)


def _unseen(webhook_ids):
    """Return the events paired with each `webhook` of these that is to see them."""
    these = FilteredRelation("company__webhooks", condition=Q(company__webhooks__in=webhook_ids))
    of_its_customer = Q(webhook__customer=None) | Q(webhook__customer=F("customer"))
    return Event.objects.alias(webhook=these).filter(
        of_its_customer, id__gt=F("webhook__seen_event_id")
    )


def claim_deliveries(
    *, now: datetime, busy: Sequence[Delivery] = (), most: int = THREADS
) -> list[Delivery]:
    """Claim due deliveries, with their webhooks and events: 1 query if there are none, else 5.

    Those of a webhook, of a customer and of a company are no more than fit beside what is `busy`;
    the webhooks take turns, the longest due first.
    """
    if most <= 0:
        return []
    of_address = Counter(delivery.webhook_id for delivery in busy)
    of_company = Counter(delivery.webhook.company_id for delivery in busy)
    of_customer = Counter(delivery.webhook.customer_id for delivery in busy)
    del of_customer[None]  # the company's own
    full = [webhook for webhook, count in of_address.items() if count >= OF_ADDRESS]
    due = Delivery.objects.due(now).filter(webhook=OuterRef("pk")).order_by("due_at", "id")
    waiting = (
        Webhook.objects.filter(is_active=True)
        .exclude(id__in=full)
        .exclude(company__in=[c for c, count in of_company.items() if count >= OF_COMPANY])
        .exclude(customer__in=[c for c, count in of_customer.items() if count >= OF_CUSTOMER])
        .alias(first_due=Subquery(due.values("due_at")[:1]))
        .filter(first_due__isnull=False)
        .order_by("first_due", "id")
        .values_list("id", "company_id", "customer_id")
    )
    chosen = Q()
    # All that wait: the first of them may be those of a company or customer that has no place left.
    for webhook_id, company_id, customer_id in waiting:
        if most <= 0:
            break
        count = min(OF_ADDRESS - of_address[webhook_id], OF_COMPANY - of_company[company_id], most)
        if customer_id is not None:
            count = min(count, OF_CUSTOMER - of_customer[customer_id])
        if count > 0:
            of_company[company_id] += count
            of_customer[customer_id] += count
            most -= count
            rows = Delivery.objects.due(now).filter(webhook=webhook_id).order_by("due_at", "id")
            chosen |= Q(id__in=rows.values("id")[:count])
    if not chosen:
        return []
    with transaction.atomic():
        batch = list(
            Delivery.objects.due(now)
            .filter(chosen)
            .select_related("webhook", "event")
            .select_for_update(of=("self",), skip_locked=True)
            .order_by("due_at", "id")
        )
        for delivery in batch:
            delivery.attempts += 1
        Delivery.objects.filter(id__in=[delivery.id for delivery in batch]).update(
            due_at=now + CLAIM, attempts=F("attempts") + 1
        )
    open_events(delivery.event for delivery in batch)
    return batch


def _send(delivery):
    """Sign and send a delivery. No query: this runs in another thread."""
    now, message_id = timezone.now(), message_id_of(delivery)
    webhook = delivery.webhook
    is_thin = webhook.payload == Webhook.Payload.THIN
    body = body_of(delivery.event, for_customer=webhook.customer_id is not None, is_thin=is_thin)
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


def body_of(event, *, for_customer: bool = False, is_thin: bool = False) -> bytes:
    """Return what is sent of an event; thin, its ids and its kind, and nothing of any person."""
    facts = event_facts(event, for_customer=for_customer)
    data = {name: facts[name] for name in THIN} if is_thin else facts
    body = {"type": event.kind, "timestamp": facts["at"], "data": data}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def record_answers(results, *, now: datetime) -> None:
    """Record the answers; a refused delivery is due again later or has failed: at most 5 queries.

    A webhook that refused is paused until the first of its deliveries is due again; after the last
    attempt it is disabled, with an event in the log.
    """
    rows: list[tuple[Any, ...]] = []
    rests: dict[int, datetime | None] = {}
    hopeless: dict[int, tuple[Webhook, str]] = {}
    for delivery, answer in results:
        webhook_id, due_at = delivery.webhook_id, now
        if answer.is_taken:
            status = Delivery.Status.DELIVERED
            rests.setdefault(webhook_id, None)
        elif delivery.attempts >= MOST_ATTEMPTS or answer.code == GONE:
            # It stays pending: whoever switches the webhook on again misses nothing.
            status = Delivery.Status.PENDING
            hopeless[webhook_id] = delivery.webhook, answer.error
        else:
            status = Delivery.Status.PENDING
            due_at = now + max(waiting_time(delivery.attempts), answer.asks_to_wait)
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
            Delivery.objects.filter(DUE, webhook__in=disabled_ids).update(attempts=0, due_at=now)
        Event.objects.bulk_create(
            [_switched_off(webhook, error, now) for webhook, error in hopeless.values()]
        )
    for webhook, error in hopeless.values():
        send_apart(partial(_mails, webhook, error))


def _mails(webhook: Webhook, error: str) -> list[tuple[str, str, list[str]]]:
    """Return the mails to the owners, who can switch the webhook on again: 1 query."""
    owners = User.objects.filter(
        memberships__company=webhook.company_id, memberships__role=Role.OWNER, is_active=True
    ).exclude(email="")
    subject = _("Webhook switched off: %(url)s") % {"url": webhook.url[:100]}
    text = _(
        "%(url)s took no events for days: %(error)s The webhook is switched off. Mend the "
        "receiver, then switch the webhook on again: what happened meanwhile is sent then."
    ) % {"url": webhook.url, "error": error}
    return [(subject, text, [owner.email]) for owner in owners.order_by("id")]


def waiting_time(attempts: int) -> timedelta:
    """Return the waiting time after an attempt: exponential up to 12 h, with 20 % jitter."""
    seconds = min(FIRST_WAIT_S * GROWTH ** (attempts - 1), LONGEST_WAIT_S)
    jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  spreads retries, keeps no secret
    return timedelta(seconds=seconds * jitter)


def _switched_off(webhook, error, now):
    actor = Actor(Door.WORKER, name="deliver_webhooks")
    return Event(
        company_id=webhook.company_id,
        customer_id=webhook.customer_id,
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
    """Delete expired deliveries that nothing is to happen to; return how many: 1 query.

    Of a webhook that was switched off they are kept as long, not for ever.
    """
    over = Delivery.objects.filter(created_at__lte=now - KEPT).exclude(
        status=Delivery.Status.PENDING, webhook__is_active=True
    )
    return over.delete()[0]
