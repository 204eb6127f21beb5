"""Each planted fault is found with its line and its cure; in the clean twins nothing is."""

import threading
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings as project
from django.contrib.admin import __file__ as plain_admin
from django.contrib.auth import get_user_model
from django.db import connections, transaction
from django.test import Client

from perf.recording.find import find_all
from perf.recording.record import record_queries
from tests.perf.planted.faults import ALL_ROWS, CLEAN, CLEAN_PLANS, EVERY, FAULTS, LOCK, MANY
from tests.perf.planted.marks import is_it, marks, place_of
from tests.perf.planted.models import Publisher
from tests.perf.planted.rows import plant


@pytest.fixture(autouse=True)
def _the_app_is_ours(settings):
    settings.PERF = {"APPS": ("planted", "dispatchsite", "drivers", "bookings", "dispatch")}
    settings.ROOT_URLCONF = "tests.perf.planted.urls"
    settings.MIDDLEWARE = [
        "tests.perf.planted.middleware.passing",
        "tests.perf.planted.middleware.Passing",
        # zeal would raise at the first fault.
        *(name for name in settings.MIDDLEWARE if not name.startswith("zeal.")),
    ]
    # Django's own admin, for the theme's leads to pages that are not here.
    plain = {**project.TEMPLATES[0], "DIRS": [Path(plain_admin).parent / "templates"]}
    settings.TEMPLATES = [plain]


def asked(path):
    """Return what is found in a request through the whole stack."""
    client = Client(raise_request_exception=True)
    if path.startswith("admin/"):
        client.force_login(get_user_model().objects.create_superuser("root"))
    with record_queries(watch_rows=True) as recording:
        response = client.get(f"/{path}/")
        assert response.status_code == 200, response
    return find_all(recording)


def assert_found(fault, found):
    listing = "\n".join(f"{one.kind}: {one}" for one in found)
    assert any(is_it(fault, one) for one in found), (
        f"wanted {fault.kind} at {place_of(fault)}: {fault.cure} {fault.also}\nfound\n{listing}"
    )


@pytest.mark.django_db
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_planted_fault_is_found_with_its_line_and_its_cure(fault):
    plant(2_000 if fault.path in MANY else 12)
    found = asked(fault.path)
    assert_found(fault, found)
    expected = sum(other.path == fault.path for other in FAULTS)
    assert len(found) == expected, "\n".join(map(str, found))


@pytest.mark.django_db
@pytest.mark.parametrize("path", CLEAN)
def test_nothing_is_found_in_a_clean_twin(path):
    plant(2_000 if path in MANY else 12)
    assert list(map(str, asked(path))) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres_only
def test_a_lock_wait_names_who_holds_the_lock():
    plant(12)
    holds, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Publisher.objects.update(name="mine")
            holds.set()
            done.wait(0.6)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait(5)
    found = asked(LOCK.path)
    done.set()
    holder.join()
    assert_found(LOCK, found)


def test_of_36_faults_at_least_33_are_found_with_line_and_cure():
    """Each line of the table is asserted by itself, here or in `test_index_faults`."""
    listed = {fault.row for fault in EVERY if fault.row <= ALL_ROWS}
    assert len(listed) >= 33
    assert {fault for fault in EVERY if not fault.cure} == set()
    assert len(CLEAN_PLANS) >= 12


def test_every_mark_is_looked_for_and_every_place_is_there():
    named = {fault.place for fault in EVERY if "." not in fault.place}
    tables = {model._meta.db_table for model in apps.get_app_config("planted").get_models()}
    assert named - tables <= marks().keys()
    assert len(CLEAN) >= 12
