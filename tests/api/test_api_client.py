"""A client that a generator makes from the committed description works."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from drivers.companies.tokens import issue_token
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import BOOKED

SCHEMA = Path(settings.BASE_DIR) / "dispatchsite" / "openapi.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("client")


@pytest.fixture(scope="module")
def package(folder):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", str(SCHEMA), "--output-path", str(folder / "dispatchsite_client")),
            "--fail-on-warning",
        ],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},  # ruff
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield "dispatchsite_client"
    sys.path.remove(str(folder))


@pytest.mark.slow
def test_the_types_of_a_generated_client_are_sound(package, folder):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, package],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "checked " in done.stdout, done.stdout + done.stderr
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    # client.py is the generator's own, the same for every API.
    assert not [line for line in errors if not line.startswith(f"{package}/client.py:")], errors


@pytest.mark.django_db(transaction=True)
def test_a_generated_client_books_lists_and_polls(package, live_server):
    member = make.member(role=Role.CLIENT_API).memberships.get()
    _token, key = issue_token(member, name="client", now=timezone.now())

    def load(name):
        return importlib.import_module(f"{package}.{name}")

    client = load("client").AuthenticatedClient(base_url=live_server.url, token=key)
    wanted = load("models").BookingRequest(
        reference="GEN-1",
        pickup_lat=make.HOME[0],
        pickup_lon=make.HOME[1],
        dropoff_lat=make.HOSPITAL[0],
        dropoff_lon=make.HOSPITAL[1],
        scheduled_time=make.at("09:00", BOOKED),
    )
    made = load("api.bookings.bookings_create").sync(client=client, body=wanted)
    assert (made.reference, made.scheduled_time) == ("GEN-1", make.at("09:00", BOOKED))
    retried = load("api.bookings.bookings_create").sync(client=client, body=wanted)
    assert retried.id == made.id  # 200, with the booking
    page = load("api.bookings.bookings_list").sync(client=client, limit=10)
    assert [(row.id, row.status) for row in page.results] == [(made.id, "pending")]
    feed = load("api.events.events_list").sync(client=client)
    assert [(event.kind, event.booking) for event in feed.results] == [("booking.created", made.id)]
    again = load("api.events.events_list").sync(client=client, after=feed.last)
    assert again.results == []
    refused = load("api.bookings.bookings_retrieve").sync_detailed(10**9, client=client)
    assert (refused.status_code, refused.parsed.status) == (404, 404)
