"""What is sent to a webhook is what the description says."""

import json
import re
from datetime import timedelta

import pytest

from bookings.models import Event
from bookings.webhooks import worker
from bookings.webhooks.sending import Answer
from drivers.models import Role
from tests.api.described import description, validator
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller

pytestmark = pytest.mark.django_db


def test_what_is_sent_is_what_is_described(monkeypatch):
    sent = []

    def post(url, body, headers):
        sent.append((body, headers))
        return Answer(204, 1)

    monkeypatch.setattr(worker, "post", post)
    before = make.NOW - timedelta(hours=1)
    make.webhook(previous_salt="1" * 32, previous_until=make.NOW + timedelta(days=36_500))
    assert caller(Role.CLIENT_API).post(f"{API}bookings/", booking_values()).status_code == 201
    worker.queue_deliveries(now=before)
    for delivery in worker.claim_deliveries(now=make.NOW):
        worker._send(delivery)
    ((body, headers),) = sent
    operation = description()["webhooks"]["event"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    found = json.loads(body)
    assert not list(validator(schema["$ref"]).iter_errors(found))
    assert found["data"]["id"] == Event.objects.get().id
    described = {row["name"]: row["schema"] for row in operation["parameters"]}
    assert described.keys() == headers.keys() - {"Content-Type", "User-Agent"}
    for name, wanted in described.items():
        assert re.search(wanted.get("pattern", "^evt_"), headers[name]), name
    assert len(headers["webhook-signature"].split()) == 2
    assert list(validator(schema["$ref"]).iter_errors(found | {"type": "booking.gone"}))
