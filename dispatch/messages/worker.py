"""Send messages: gather, claim, decide, send, record.

Every step commits by itself, and any number of workers may run at once. A worker killed between
two steps has at worst sent a message without recording it: after its claim it is sent again, with
the same key, by which the gateway knows it.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from operator import itemgetter

from django.db import transaction

from bookings.models import Channel, Message
from bookings.models.messages import WAITS
from bookings.webhooks.worker import waiting_time
from dispatch.messages.channels import Sent, send
from dispatch.messages.claim import CLAIM, CLAIM_MAIL, claim
from dispatch.messages.decide import Decision, decide
from dispatch.messages.gather import gather
from drivers.db.bulk import update_rows

logger = logging.getLogger(__name__)
THREADS = 32
LOOKS_EVERY_S = 0.5
MOST_ATTEMPTS = 7  # after 10 s, 40 s, 3 min, 11 min, 43 min, 3 h
KEPT = timedelta(days=30)  # after the trip


def send_messages(*, now: datetime, stopped: Callable[[], bool] = lambda: False) -> int:
    """Gather and send until nothing is due; return how many messages were tried.

    Begins no more once `stopped()`, and then ends within the deadline of an attempt. Each look at
    the tables takes at most 26 statements, however much is due.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        return _send_all(pool, now, stopped)


def _send_all(pool: ThreadPoolExecutor, now: datetime, stopped: Callable[[], bool]) -> int:
    under_way: dict[Future[Sent], Message] = {}
    began, tried = time.monotonic(), 0
    while True:
        at = now + timedelta(seconds=time.monotonic() - began)
        claimed: list[Message] = []
        recorded = 0
        if not stopped():
            gather(now=at)
            busy = list(under_way.values())
            claimed = claim(now=at, busy=busy, most=THREADS - len(busy))
            # First, because to settle may wait for a road server.
            recorded = _record_done(under_way, now=at)
            for message in settle(claimed, now=at):
                under_way[pool.submit(send, message)] = message
                tried += 1
        if not (under_way or claimed or recorded):
            return tried
        wait(under_way, LOOKS_EVERY_S, return_when=FIRST_COMPLETED)
        _record_done(under_way, now=now + timedelta(seconds=time.monotonic() - began))


def _record_done(under_way: dict[Future[Sent], Message], *, now: datetime) -> int:
    """Record the attempts that have ended, and return how many there were."""
    done = [each for each in under_way if each.done()]
    record([(under_way.pop(each), each.result()) for each in done], now=now)
    return len(done)


def settle(messages: Sequence[Message], *, now: datetime) -> list[Message]:
    """Decide of claimed messages, write it down, and return those to send: 6 statements.

    What was erased, or was claimed by another worker meanwhile, is left alone.
    """
    if not messages:
        return []
    decisions = decide(messages, now=now)
    names = ["status", "reason", "due_at", "attempts", "first_at", "done_at", "kind", "channel",
             "address", "language", "text", "told"]  # fmt: skip
    with transaction.atomic():
        ours = _still_ours(messages)
        decisions = [each for each in decisions if each.message.pk in ours]
        update_rows(Message, names, sorted(_row(each, now) for each in decisions))
    return [_with_words(each) for each in decisions if each.is_sent]


def _still_ours(messages: Iterable[Message]) -> set[int]:
    """Lock those messages that wait and were claimed by nobody since; return their ids."""
    attempts = {message.pk: message.attempts for message in messages}
    rows = Message.objects.filter(WAITS, id__any_of=sorted(attempts)).order_by("id")
    stored = rows.select_for_update(no_key=True).values_list("id", "attempts")
    return {pk for pk, number in stored if number == attempts[pk]}


def _row(one: Decision, now: datetime) -> tuple[object, ...]:
    message = one.message
    is_over = one.status != Message.Status.WAITING
    untried = one.until is not None  # it does not count for the day
    due_at = one.until or message.due_at
    if one.is_sent and one.channel == Channel.EMAIL:
        due_at += CLAIM_MAIL - CLAIM
    return (
        message.pk,
        one.status,
        one.reason[:200],
        due_at,
        0 if untried else message.attempts,
        None if untried and not message.text else message.first_at,
        now if is_over else None,
        one.kind or message.kind,
        one.channel or message.channel,
        one.address or message.address,
        one.language or message.language,
        one.text or message.text,
        one.told or message.told,
    )


def _with_words(one: Decision) -> Message:
    message = one.message
    message.kind, message.channel, message.address = one.kind, one.channel, one.address
    message.language, message.text, message.told = one.language, one.text, one.told
    return message


def record(results: Iterable[tuple[Message, Sent]], *, now: datetime) -> None:
    """Write down what became of attempts: 2 statements, or none.

    What was not taken is due again later, and decided anew if it was certainly refused. What was
    erased, or was claimed by another worker meanwhile, is left alone.
    """
    results = list(results)
    if not results:
        return
    with transaction.atomic():
        ours = _still_ours(message for message, _sent in results)
        _record([(message, sent) for message, sent in results if message.pk in ours], now=now)


def _record(results: Sequence[tuple[Message, Sent]], *, now: datetime) -> None:
    rows = []
    for message, sent in results:
        status, done_at, due_at, reason = Message.Status.WAITING, None, now, sent.error
        text, address, told = message.text, message.address, message.told
        if sent.is_taken:
            status, done_at, reason = Message.Status.SENT, now, ""
        elif sent.is_final or message.attempts >= MOST_ATTEMPTS:
            status, done_at = Message.Status.FAILED, now
            logger.warning("Message %d of company %d failed.", message.pk, message.company_id)
        else:
            due_at = now + max(waiting_time(message.attempts), sent.asks_to_wait)
            if sent.is_refused:
                text, address, told = "", "", {}
        rows.append((message.pk, status, done_at, due_at, reason[:200], text, address, told))
    names = ["status", "done_at", "due_at", "reason", "text", "address", "told"]
    update_rows(Message, names, sorted(rows, key=itemgetter(0)))


def clear_messages(*, now: datetime) -> int:
    """Delete the messages of trips that are over for 30 days; return how many: 1 statement."""
    over = Message.objects.filter(
        created_at__lte=now - KEPT, booking__scheduled_time__lte=now - KEPT
    )
    return over.delete()[0]
