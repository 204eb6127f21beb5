"""Events reach whoever asked for them: signed, in full, again when refused, never elsewhere."""

import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings.api.events import EventSerializer
from bookings.events import event_facts
from bookings.models import Delivery, Event, Webhook
from bookings.webhooks import sending, worker
from bookings.webhooks.sending import AddressRefused, Answer, checked_url, post
from bookings.webhooks.signing import secret_of
from drivers.logins import mail as mails
from drivers.models import Role
from tests import PROJECT
from tests.dispatch.runs.test_concurrency import together
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller

pytestmark = pytest.mark.django_db
LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


class ManyAtOnce(ThreadingHTTPServer):
    request_queue_size = 128


class Receiver:
    """A server of a client: keeps what it is sent, answers as told."""

    def __init__(self):
        self.requests, self.codes, self.drip, self.retry_after = [], [], False, ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # its sender was killed
                outer.requests.append((dict(self.headers), body))
                if outer.drip:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                    while True:
                        self.wfile.write(b"X: y\r\n")
                        time.sleep(0.05)
                self.send_response(outer.codes.pop(0) if outer.codes else 204)
                if outer.retry_after:
                    self.send_header("Retry-After", outer.retry_after)
                self.send_header("Location", "http://169.254.169.254/")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = ManyAtOnce(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *args: None
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?a=1"

    def bodies(self):
        return [json.loads(body) for _headers, body in self.requests]


@pytest.fixture
def receiver(settings):
    settings.WEBHOOK_NETWORKS, settings.HTTPS = LOOPBACK, False
    one = Receiver()
    yield one
    one.server.shutdown()
    one.server.server_close()


def verified(secret, headers, body):
    """Verify as docs/webhooks.md tells receivers to do."""
    text = (PROJECT / "docs" / "webhooks.md").read_text()
    names = {}
    exec(text.split("```python")[1].split("```")[0], names)  # noqa: S102  the repository's own example
    return names["is_genuine"](secret, headers, body)


def until_nothing_is_due(now=None):
    tried = 0
    while done := worker.deliver(now=now or timezone.now()):
        tried += done
    return tried


# From the API to the receiver


def test_an_owner_is_told_of_a_booking(receiver):
    owner, portal = caller(Role.OWNER), caller(Role.CLIENT_API)
    portal.post(f"{API}bookings/", booking_values("before"))
    made = owner.post(f"{API}webhooks/", {"url": receiver.url, "kinds": ["booking.created"]})
    assert made.status_code == 201, made.content
    secret = made.json()["secret"]
    assert "secret" not in owner.get(made["Location"]).json()
    booking = portal.post(f"{API}bookings/", booking_values("after")).json()
    owner.patch(f"{API}bookings/{booking['id']}/", {"notes": "x"})
    assert until_nothing_is_due() == 1
    ((headers, body),) = receiver.requests
    told = json.loads(body)
    assert (told["type"], told["data"]["booking"]) == ("booking.created", booking["id"])
    event = owner.get(f"{API}events/?booking={booking['id']}").json()["results"][0]
    assert told["data"] == event
    assert headers["Content-Type"] == "application/json"
    assert verified(secret, headers, body)
    assert not verified(secret, headers, body + b" ")
    log = owner.get(f"{API}webhook-deliveries/?webhook={made.json()['id']}").json()["results"]
    (row,) = log
    assert (row["status"], row["attempts"], row["last_code"]) == ("delivered", 1, 204)
    assert row["message"] == headers["webhook-id"]
    again = owner.post(f"{API}webhook-deliveries/{row['id']}/redeliver/")
    assert (again.status_code, again.json()["status"]) == (200, "pending")
    assert until_nothing_is_due() == 1
    assert receiver.requests[1][0]["webhook-id"] == headers["webhook-id"]


def test_a_thin_payload_has_ids_and_kind_and_nothing_of_a_person(receiver):
    owner, portal = caller(Role.OWNER), caller(Role.CLIENT_API)
    hook = owner.post(f"{API}webhooks/", {"url": receiver.url, "payload": "thin"}).json()
    booking = portal.post(f"{API}bookings/", booking_values("Secret")).json()
    until_nothing_is_due()
    ((_headers, body),) = receiver.requests
    told = json.loads(body)
    event = owner.get(f"{API}events/?booking={booking['id']}").json()["results"][0]
    assert told["data"] == {name: event[name] for name in ("id", "kind", "booking", "assignment")}
    assert b"Secret" not in body
    owner.patch(f"{API}webhooks/{hook['id']}/", {"payload": "full"})
    owner.patch(f"{API}bookings/{booking['id']}/", {"notes": "whole"})
    until_nothing_is_due()
    assert b"whole" in receiver.requests[1][1]


def test_the_board_tells_owners_of_webhooks_that_fail_or_are_off(client, db):
    geneva = make.company()
    board = reverse("admin:board:day", args=["geneva", make.DAY])
    make.webhook(geneva, "https://good.example.org/")
    make.webhook(geneva, "https://by-hand.example.org/", is_active=False)
    rest = timezone.now() + timedelta(hours=1)
    make.webhook(geneva, "https://slow.example.org/", rests_until=rest)
    make.webhook(geneva, "https://dead.example.org/", is_active=False, disabled_reason="Gone.")
    make.webhook(make.company("other"), "https://theirs.example.org/", rests_until=rest)
    client.force_login(make.member(geneva, Role.OWNER))
    told = [(one.is_off, one.text) for one in client.get(board).context["notices"]]
    assert told[0] == (True, "The webhook to https://dead.example.org/ is switched off: Gone.")
    assert told[1][1].startswith("https://slow.example.org/ refuses events; it is asked again at")
    assert len(told) == 2
    assert "dead.example.org" in client.get(board).content.decode()
    client.force_login(make.member(geneva, Role.DISPATCHER))
    assert "example.org" not in client.get(board).content.decode()


def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(receiver):
    owner = caller(Role.OWNER)
    made = owner.post(f"{API}webhooks/", {"url": receiver.url})
    new = owner.post(f"{made['Location']}rotate/").json()["secret"]
    make.event()
    until_nothing_is_due()
    Webhook.objects.update(previous_until=timezone.now())
    make.event()
    until_nothing_is_due()
    both, one = receiver.requests
    old = made.json()["secret"]
    assert [verified(s, *both) for s in (old, new)] == [True, True]
    assert [verified(s, *one) for s in (old, new)] == [False, True]


def test_a_secret_is_stored_nowhere(receiver):
    owner = caller(Role.OWNER)
    secret = owner.post(f"{API}webhooks/", {"url": receiver.url}).json()["secret"]
    stored = str(Webhook.objects.values().get())
    assert secret.removeprefix("whsec_") not in stored
    assert secret_of(Webhook.objects.get().salt) == secret


def test_an_event_looks_as_in_the_feed():
    event = make.event(booking=make.booking(), new={"a": [1]}, reason="so")
    assert event_facts(event) == EventSerializer(event).data


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "ftp://example.org",
        "https://",
        "nonsense",
        "https://user:pass@example.org/",
        "https://example.org/#x",
        "https://exa mple.org/",
        "https://example.org/\r\nHost: x",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://[2002:c058:6301::]/",
        "https://[fec0::1]/",
        "https://192.88.99.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://é.example.org/",
        "https://" + "a" * 70 + ".org/",
    ],
)
def test_an_address_that_must_not_be_sent_to_is_refused(url, settings):
    settings.HTTPS = True
    refused = caller(Role.OWNER).post(f"{API}webhooks/", {"url": url})
    assert refused.status_code == 400, refused.content
    assert refused.json()["errors"][0]["field"] == "url"
    assert not Webhook.objects.exists()


def test_a_name_of_a_private_network_is_refused_when_it_is_entered(settings, monkeypatch, caplog):
    settings.HTTPS = True

    def resolve(host, port, **options):
        if host == "later.example.org":
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    owner = caller(Role.OWNER)
    refused = owner.post(f"{API}webhooks/", {"url": "https://inside.example.org/"})
    assert refused.status_code == 400
    assert "This URL does not lead to a public address." in refused.content.decode()
    assert "10.0.0.1" not in refused.content.decode()  # what is inside is told to no client
    assert "10.0.0.1" in caplog.text
    assert owner.post(f"{API}webhooks/", {"url": "https://later.example.org/"}).status_code == 201


def test_a_name_whose_server_never_answers_is_not_waited_for(settings, monkeypatch):
    settings.HTTPS = True
    is_over, ended = threading.Event(), threading.Event()

    def resolve(host, port, **options):
        is_over.wait(20)
        ended.set()
        return []

    monkeypatch.setattr(sending, "RESOLVED_WITHIN_S", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    url = "https://silent.example.org/"
    assert caller(Role.OWNER).post(f"{API}webhooks/", {"url": url}).status_code == 201
    assert not ended.is_set()
    is_over.set()
    assert ended.wait(20)  # before the resolver is put back


# Where it is sent


def test_a_name_is_resolved_once_and_every_address_is_checked(settings, monkeypatch):
    settings.WEBHOOK_NETWORKS, settings.HTTPS = [], True
    asked = []

    def resolve(host, port, **options):
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", lambda *args: pytest.fail("connected"))
    answer = post("https://rebinding.example.org/", b"{}", {})
    assert (answer.code, answer.error) == (
        None,
        "This URL does not lead to a public address.",
    )
    assert asked == ["rebinding.example.org"]


def test_the_checked_address_is_the_one_connected_to(settings, monkeypatch):
    settings.WEBHOOK_NETWORKS, settings.HTTPS = [], True
    connected = []

    def resolve(host, port, **options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))]

    def connect(address, *args):
        connected.append(address)
        raise OSError("as far as it goes")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    assert post("https://example.org/", b"{}", {}).error == "OSError: as far as it goes"
    assert connected == [("93.184.215.14", 443)]


def test_a_private_network_can_be_allowed(settings):
    settings.WEBHOOK_NETWORKS, settings.HTTPS = [ipaddress.ip_network("10.1.0.0/16")], True
    assert checked_url("https://10.1.2.3/")
    with pytest.raises(AddressRefused, match="does not lead to a public address"):
        checked_url("https://10.2.0.1/")


def test_a_redirect_is_a_refusal(receiver):
    receiver.codes = [302]
    answer = post(receiver.url, b"{}", {})
    assert (answer.code, answer.is_taken, len(receiver.requests)) == (302, False, 1)


def test_who_drips_is_hung_up_on(receiver, monkeypatch):
    monkeypatch.setattr(sending, "DEADLINE_S", 0.5)
    receiver.drip = True
    answer = post(receiver.url, b"{}", {})
    assert 400 < answer.ms < 2_000


# Again, and given up


def test_what_is_refused_is_sent_again_later_and_the_webhook_rests(receiver):
    hook = make.webhook(url=receiver.url)
    first, second = make.event(hook.company), make.event(hook.company)
    receiver.codes = [500, 500]
    now = timezone.now()
    assert until_nothing_is_due(now) == 2
    deliveries = Delivery.objects.order_by("id")
    assert {(d.status, d.attempts, d.last_code) for d in deliveries} == {("pending", 1, 500)}
    for delivery in deliveries:
        assert 8 <= (delivery.due_at - delivery.last_at).total_seconds() <= 12
    make.event(hook.company)
    assert until_nothing_is_due(now + timedelta(seconds=3)) == 0  # it rests
    assert until_nothing_is_due(now + timedelta(seconds=30)) == 3
    hook.refresh_from_db()
    assert (hook.rests_until, hook.is_active) == (None, True)
    ids = [body["data"]["id"] for body in receiver.bodies()]
    assert ids[:2] == [first.id, second.id] or ids[:2] == [second.id, first.id]
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}


def test_waiting_grows_fourfold_give_or_take_a_fifth():
    for attempts in range(1, worker.MOST_ATTEMPTS):
        seconds = min(10 * 4 ** (attempts - 1), 12 * 3600)
        wait = worker.waiting_time(attempts).total_seconds()
        assert 0.8 * seconds <= wait <= 1.2 * seconds


@pytest.mark.parametrize(("attempts", "code"), [(worker.MOST_ATTEMPTS - 1, 500), (0, 410)])
def test_what_is_given_up_switches_the_webhook_off_and_the_log_tells(receiver, attempts, code):
    owner, company = caller(Role.OWNER), make.Company.objects.get()
    hook = make.webhook(company, receiver.url)
    delivery = make.delivery(company, webhook=hook, attempts=attempts)
    Webhook.objects.update(seen_event_id=delivery.event_id)
    receiver.codes = [code]
    until_nothing_is_due()
    shown = owner.get(f"{API}webhooks/{hook.id}/").json()
    assert (shown["is_active"], shown["disabled_reason"]) == (False, f"The server answered {code}.")
    event = owner.get(f"{API}events/?after={delivery.event_id}").json()["results"][-1]
    assert (event["kind"], event["new"]["webhook"]) == ("webhook.disabled", hook.id)
    make.event(company)
    assert until_nothing_is_due() == 0
    on = owner.patch(f"{API}webhooks/{hook.id}/", {"is_active": True}).json()
    assert (on["is_active"], on["disabled_reason"]) == (True, "")
    # What was given up, and what happened meanwhile: it misses nothing.
    assert until_nothing_is_due() == 3
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}


def test_old_deliveries_are_forgotten():
    now = timezone.now()
    make.delivery(status="delivered", created_at=now - worker.KEPT)
    make.delivery(status="pending", created_at=now - worker.KEPT)
    make.delivery(status="delivered", created_at=now)
    assert worker.clear_deliveries(now=now) == 1


def test_a_receiver_is_asked_for_three_days():
    waits = [min(10 * 4 ** (n - 1), 12 * 3600) for n in range(1, worker.MOST_ATTEMPTS)]
    assert 3 * 86_400 < sum(waits) < 4 * 86_400


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("120", 120), ("9999999", 86_400), ("soon", 0), ("-5", 0), ("²", 0)],
)
def test_who_asks_to_wait_is_not_asked_before(receiver, asked, seconds):
    hook = make.webhook(url=receiver.url)
    make.event(hook.company)
    receiver.codes, receiver.retry_after = [429], asked
    now = timezone.now()
    until_nothing_is_due(now)
    waits = (Delivery.objects.get().due_at - now).total_seconds()
    assert max(seconds, 8) <= waits <= max(seconds, 12) + 5


def test_the_owners_are_mailed_when_a_webhook_is_switched_off(receiver, settings, monkeypatch):
    settings.SENDS_MAIL = True
    monkeypatch.setattr(mails, "run_apart", lambda work, *values: work(*values))
    company = make.company()
    make.member(company, Role.OWNER, email="olga@example.org")
    make.member(company, Role.DISPATCHER, email="dan@example.org")
    make.webhook(company, receiver.url)
    make.event(company)
    receiver.codes = [410]
    until_nothing_is_due()
    (letter,) = mail.outbox
    assert letter.to == ["olga@example.org"]
    assert "The server answered 410. The webhook is switched off." in letter.body


# Fair to all


def test_a_company_has_a_share_of_the_threads(receiver):
    slow, quick = make.company("slow"), make.company("quick")
    hooks = [make.webhook(slow, f"{receiver.url}&{n}") for n in range(4)]
    make.webhook(quick, receiver.url)
    for _number in range(40):
        make.event(slow)
    now = timezone.now()
    worker.queue_deliveries(now=now)
    make.event(quick)  # comes last of all
    worker.queue_deliveries(now=now)

    batch = worker.claim_deliveries(now=now)

    companies = Counter(delivery.webhook.company_id for delivery in batch)
    assert companies == {slow.id: worker.OF_COMPANY, quick.id: 1}
    assert max(Counter(d.webhook_id for d in batch).values()) <= worker.OF_ADDRESS
    assert {d.webhook_id for d in batch} <= {hook.id for hook in hooks} | {quick.webhooks.get().id}
    # While these are under way, the company's share is used up.
    assert worker.claim_deliveries(now=now, busy=batch) == []


def test_many_webhooks_of_one_company_hide_nobody_elses(receiver):
    """The company has a place left, so that it is not passed over as a whole."""
    flood, quick = make.company("flood"), make.company("quick")
    for number in range(2 * worker.THREADS):
        make.webhook(flood, f"{receiver.url}&{number}")
    make.webhook(quick, receiver.url)
    make.event(flood)
    now = timezone.now()
    worker.queue_deliveries(now=now)
    make.event(quick)  # comes last of all
    worker.queue_deliveries(now=now)
    under_way = worker.claim_deliveries(now=now, most=worker.OF_COMPANY - 1)

    batch = worker.claim_deliveries(now=now, busy=under_way)

    assert len(under_way) < worker.OF_COMPANY
    assert {delivery.webhook.company_id for delivery in batch} == {flood.id, quick.id}


def test_a_customer_has_a_share_of_its_company(receiver):
    company = make.company()
    slow, quick = make.customer(company, "slow"), make.customer(company, "quick")
    for n in range(10):
        make.webhook(company, f"{receiver.url}&{n}", customer=slow)
    make.webhook(company, receiver.url, customer=quick)
    for _number in range(5):
        make.event(company, customer=slow)
    now = timezone.now()
    worker.queue_deliveries(now=now)
    make.event(company, customer=quick)  # comes last of all
    worker.queue_deliveries(now=now)

    batch = worker.claim_deliveries(now=now)

    assert Counter(delivery.webhook.customer_id for delivery in batch) == {
        slow.id: worker.OF_CUSTOMER,
        quick.id: 1,
    }
    assert worker.claim_deliveries(now=now, busy=batch) == []


def test_the_events_of_other_customers_delay_nothing(receiver, monkeypatch):
    monkeypatch.setattr(worker, "QUEUED_AT_ONCE", 4)
    company = make.company()
    busy, calm = make.customer(company, "busy"), make.customer(company, "calm")
    for _number in range(3):
        make.webhook(company, receiver.url, customer=busy)
    hook = make.webhook(company, receiver.url, customer=calm)
    for _number in range(2):
        make.event(company, customer=company.default_customer)
    mine = make.event(company, customer=calm)
    make.event(company, customer=busy)

    assert worker.queue_deliveries(now=timezone.now()) == 4
    assert hook.deliveries.get().event_id == mine.id
    assert Delivery.objects.exclude(webhook=hook).count() == 3
    assert worker.queue_deliveries(now=timezone.now()) == 0


def test_a_customer_has_at_most_ten_webhooks(receiver):
    customer = make.customer(make.company(), "hospital")
    portal = caller(Role.CLIENT_API, customer.company, customer=customer)
    owner = caller(Role.OWNER, customer.company)
    for _number in range(10):
        assert portal.post(f"{API}webhooks/", {"url": receiver.url}).status_code == 201

    for refused in (
        portal.post(f"{API}webhooks/", {"url": receiver.url}),
        owner.post(f"{API}webhooks/", {"url": receiver.url, "customer": customer.pk}),
    ):
        assert refused.status_code == 409
        assert refused.json()["detail"] == (
            "A customer has at most 10 webhooks: change or delete one of them."
        )
    assert customer.webhooks.count() == 10
    assert owner.post(f"{API}webhooks/", {"url": receiver.url}).status_code == 201


def test_who_holds_the_line_keeps_nobody_waiting(receiver, settings):
    """The slow receivers answer only after the other company's event has arrived."""
    arrived = threading.Event()
    slow, quick = make.company("slow"), make.company("quick")
    hooks = [make.webhook(slow, f"http://127.0.0.1/{n}") for n in range(4)]
    make.webhook(quick, receiver.url)
    for _number in range(30):
        make.event(slow)
    make.event(quick)
    held = []

    def post(url, body, headers):
        if url == receiver.url:
            arrived.set()
        else:
            held.append(arrived.wait(20))
        return Answer(204, 1)

    with mock.patch.object(worker, "post", post):
        assert worker.deliver(now=timezone.now()) == len(hooks) * 30 + 1
    assert all(held)


# In order, without gaps, once


def test_each_webhook_gets_what_it_asked_for_in_order(receiver, monkeypatch):
    monkeypatch.setattr(worker, "QUEUED_AT_ONCE", 4)
    geneva, bern = make.company("geneva"), make.company("bern")
    everything = make.webhook(geneva, receiver.url)
    created = make.webhook(geneva, receiver.url, kinds=["booking.created"])
    other = make.webhook(bern, receiver.url)
    events = [
        make.event(company, kind=kind)
        for kind in ("booking.created", "assignment.moved")
        for company in (geneva, bern, geneva)
    ]
    for _batch in range(4):
        worker.queue_deliveries(now=timezone.now())
    queued = {
        hook: list(
            Delivery.objects.filter(webhook=hook).order_by("id").values_list("event_id", flat=True)
        )
        for hook in (everything, created, other)
    }
    mine = [event for event in events if event.company_id == geneva.id]
    assert queued[everything] == [event.id for event in mine]
    assert queued[created] == [event.id for event in mine if event.kind == "booking.created"]
    assert queued[other] == [event.id for event in events if event.company_id == bern.id]


@pytest.mark.parametrize("count", [2, 30])
def test_a_batch_costs_the_same_whatever_its_size(receiver, count):
    hooks = [make.webhook(make.company(f"c{n}"), receiver.url) for n in range(count)]
    for hook in hooks:
        make.event(hook.company)
    receiver.codes = [500] * (count // 2)
    with CaptureQueriesContext(connection) as seen:
        assert worker.deliver(now=timezone.now()) == count
    control = ("BEGIN", "SAVEPOINT", "RELEASE")
    statements = [q["sql"] for q in seen if not q["sql"].startswith(control)]
    # is there anything; webhooks locked, events, deliveries, what was seen;
    # what waits; deliveries locked, claimed; then, as often as answers come in: answers, rests
    kinds = {re.sub(r"^\d+ times: ", "", sql)[:60] for sql in statements}
    assert len(kinds) <= 10
    if connection.vendor == "postgresql":
        updates = [sql.startswith("UPDATE") and '"last_code"' in sql for sql in statements]
        assert updates.index(True) == 8, statements


def test_an_idle_worker_asks_two_questions():
    make.webhook()
    with CaptureQueriesContext(connection) as seen:
        assert worker.deliver(now=timezone.now()) == 0
    assert len(seen) == 2


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_do_no_double_work(receiver):
    hook = make.webhook(url=receiver.url)
    events = {make.event(hook.company).id for _ in range(60)}
    together(*[partial(until_nothing_is_due)] * 3)
    until_nothing_is_due()
    told = [body["data"]["id"] for body in receiver.bodies()]
    assert len(told) == 60
    assert set(told) == events


SCRIPT = """
import ipaddress, os, signal, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
settings.WEBHOOK_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
import django
django.setup()
from django.core.management import call_command
from django.db import connection

seen = 0

def killing(execute, sql, params, many, context):
    global seen
    result = execute(sql, params, many, context)
    if sys.argv[2] in sql:
        seen += 1
        if seen == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
    return result

with connection.execute_wrapper(killing):
    call_command("deliver_webhooks", once=True)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("statement", "occurrence"),
    [
        ('INSERT INTO "bookings_delivery"', 1),
        ('UPDATE "bookings_webhook"', 1),
        ('UPDATE "bookings_delivery"', 1),  # claimed
        ('UPDATE "bookings_delivery"', 2),  # answered
    ],
)
@pytest.mark.process
def test_a_killed_worker_loses_nothing(receiver, statement, occurrence):
    hook = make.webhook(url=receiver.url)
    events = {make.event(hook.company).id for _ in range(5)}
    name = str(connection.settings_dict["NAME"])
    child = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, statement, str(occurrence)],
        cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"HTTPS": "0"},
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    until_nothing_is_due(timezone.now() + worker.CLAIM)
    assert {body["data"]["id"] for body in receiver.bodies()} == events
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}
    assert Delivery.objects.count() == 5


def test_the_command_stops_when_nothing_is_due(receiver):
    hook = make.webhook(url=receiver.url)
    make.event(hook.company)
    assert call_command("deliver_webhooks", "--once") == "1 delivery attempted."
    assert Event.objects.count() == 1


def test_a_slow_name_leaves_no_more_time_than_the_deadline(monkeypatch):
    """The timer that hangs up has gone off before there was anything to hang up."""
    looked_up = sending.socket.getaddrinfo

    def slowly(*args, **kwargs):
        time.sleep(0.3)
        return looked_up(*args, **kwargs)

    monkeypatch.setattr(sending, "DEADLINE_S", 0.2)
    monkeypatch.setattr(sending, "_check_ip", lambda ip: None)
    monkeypatch.setattr(sending.socket, "getaddrinfo", slowly)
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {})
    assert answer.code is None
    assert "too late" in answer.error
