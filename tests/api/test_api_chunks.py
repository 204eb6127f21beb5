"""A body that comes in chunks is read, or its length is asked for; it is never empty."""

import json
from io import BytesIO

import httpx
import pytest
from django.conf import settings
from django.db import connection

from bookings.models import Booking
from drivers.models import Role
from perf.project.load.server import running_server
from tests.support.callers import API, booking_values, caller


def send(body, *, terminated=True, coding="chunked"):
    """Post as a server hands over what came in chunks: without CONTENT_LENGTH."""
    portal = caller(Role.CLIENT_API)
    return portal.generic(
        "POST",
        f"{API}bookings/",
        content_type="application/json",
        HTTP_TRANSFER_ENCODING=coding,
        **{"wsgi.input": body, "wsgi.input_terminated": terminated},
    )


@pytest.mark.django_db
def test_chunks_are_read_where_the_server_ends_them():
    made = send(BytesIO(json.dumps(booking_values("C-1")).encode()))
    assert (made.status_code, made.json()["reference"]) == (201, "C-1")
    large = b'{"notes": "' + b"x" * (4 * 1024 * 1024) + b'"}'
    assert send(BytesIO(large)).status_code == 413


@pytest.mark.django_db
@pytest.mark.parametrize("how", [{"terminated": False}, {"coding": "gzip, chunked"}], ids=str)
def test_where_nobody_knows_the_end_the_length_is_asked_for(how):
    refused = send(BytesIO(b"{}"), **how)
    assert (refused.status_code, refused["Content-Type"]) == (411, "application/problem+json")
    assert refused.json()["type"] == "urn:dispatchsite:problem:length_required"


@pytest.mark.django_db
def test_chunks_that_are_none_are_refused():
    class Broken(BytesIO):
        def read(self, size=-1):
            raise OSError("no chunk")

    assert send(Broken()).status_code == 400


@pytest.mark.django_db(transaction=True)
@pytest.mark.process
def test_gunicorn_hands_over_chunks():
    portal = caller(Role.CLIENT_API)
    body = json.dumps(booking_values("C-2")).encode()
    headers = {
        "Authorization": portal._credentials["HTTP_AUTHORIZATION"],
        "Content-Type": "application/json",
    }
    config = settings.DATABASES["default"] | {"NAME": connection.settings_dict["NAME"]}
    with running_server(config, workers=1) as server:
        made = httpx.post(
            f"{server.url}{API}bookings/",
            content=iter([body[:20], body[20:]]),
            headers=headers,
            timeout=30,
        )
    assert made.status_code == 201, made.text
    assert Booking.objects.get().reference == "C-2"
