"""Each planted fault is found with its line and its cure; in the clean twins nothing is."""

import re
import threading
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings as project
from django.contrib.admin import __file__ as plain_admin
from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction
from django.test import Client

from perf.recording.find import find_all
from perf.recording.record import record_queries
from tests.perf.planted.faults import CLEAN, FAULTS, LOCK, MANY
from tests.perf.planted.models import Author, Book, Publisher, Review

HERE = Path(__file__).resolve().parent


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


def plant(books):
    publishers = [Publisher(name=f"Press {number}") for number in range(4)]
    Publisher.objects.bulk_create(publishers)
    authors = [
        Author(name=f"Author {number}", publisher=publishers[number % 4]) for number in range(8)
    ]
    Author.objects.bulk_create(authors)
    Book.objects.bulk_create(
        [
            Book(
                title=f"Book {number}",
                author=authors[number % 8],
                editor=authors[(number + 3) % 8] if number % 3 else None,
                blurb="long " * 60,
                scan={"pages": ["long " * 60] * 2},
            )
            for number in range(books)
        ]
    )
    Review.objects.bulk_create(
        [Review(book=book, text="good") for book in Book.objects.order_by("id")[:12]] * 2
    )


@cache
def marks():
    """Return {mark: "file:line"} of all that is marked here."""
    found = {}
    for file in [*HERE.glob("*.py"), *HERE.glob("templates/planted/*.html")]:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if match := re.search(r"# fault (\w+)", line):
                found[match[1]] = f"{file.relative_to(project.BASE_DIR)}:{number}"
    return found


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
    place = marks().get(fault.place, fault.place)
    also = fault.also.format_map(marks()) if "{" in fault.also else fault.also
    listing = "\n".join(f"{one.kind}: {one}" for one in found)
    assert [
        one
        for one in found
        if one.kind == fault.kind
        and one.place.startswith((f"{place} ", place))
        and fault.cure in one.cure
        and also in str(one)
    ], f"wanted {fault.kind} at {place}: {fault.cure} {also}\nfound\n{listing}"


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


def test_every_fault_and_twin_has_its_mark_and_its_address():
    assert {fault.place for fault in FAULTS if "." not in fault.place} <= marks().keys()
    assert len(CLEAN) >= 12
    assert connection.vendor in ("sqlite", "postgresql")
