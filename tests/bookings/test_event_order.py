"""Whoever polls the log by id misses nothing, while others write."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from bookings.models import Actor, Door, Event
from tests.support import builders as make

ACTOR = Actor(Door.COMMAND, name="test")


def write(company, reason=""):
    event = Event(
        company=company, kind=Event.Kind.BOOKING_CHANGED, at=make.NOW, door="api", reason=reason
    )
    Event.objects.bulk_create([event])
    return event.id


def closing(work):
    """Run the work in a thread of its own, and close the thread's connection."""

    def run():
        try:
            return work()
        finally:
            connection.close()

    return run


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_a_number_is_only_given_when_all_before_it_are_visible():
    company = make.company()
    written, go_on = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            number = write(company)
            written.set()
            go_on.wait(10)
        return number

    def quick():
        written.wait(10)
        return write(company)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(closing(slow)), pool.submit(closing(quick))
        written.wait(10)
        time.sleep(0.2)  # the quick one is waiting, or it would be done by now
        assert not second.done()
        assert not Event.objects.exists()
        assert write(make.company("lausanne"))  # other companies do not wait
        go_on.set()
        assert first.result() < second.result()


@pytest.mark.django_db(transaction=True)
def test_a_reader_who_polls_while_four_write_gets_each_event_once_in_order():
    company = make.company()

    def writer():
        for _number in range(15):
            with transaction.atomic():
                write(company)
                time.sleep(0.001)

    seen, after = [], 0
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(closing(writer)) for _writer in range(4)]
        deadline = time.monotonic() + 30
        while len(seen) < 60 and time.monotonic() < deadline:
            done = all(job.done() for job in jobs)
            ids = list(
                Event.objects.filter(company=company, id__gt=after)
                .order_by("id")
                .values_list("id", flat=True)[:7]
            )
            seen += ids
            after = ids[-1] if ids else after
            if done and not ids:
                break
        for job in jobs:
            job.result()
    assert len(seen) == 60
    assert seen == sorted(Event.objects.values_list("id", flat=True))
