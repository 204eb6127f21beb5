import io
from datetime import timedelta
from unittest import mock

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command
from django.test import RequestFactory
from django.utils import timezone

from bookings.models import Booking, Event
from dispatch.models import Assignment, DispatchRun
from drivers.models import Company, Driver, Shift
from perf.project import demo
from perf.project.demo import DemoRefusedError, run_demo
from tests.support import builders
from tests.support.builders import DAY, NOW

# Its dispatch commits, as it must.
pytestmark = pytest.mark.django_db(transaction=True)


def small_demo(**changes):
    """Run the demonstration with a fifth of its bookings, taking the first feasible plan."""
    with mock.patch.multiple(demo, BOOKINGS=40, DRIVERS=6):
        return run_demo(**{"now": NOW, "time_limit_s": 0} | changes)


def test_everything_is_made_and_dispatched():
    result = small_demo()

    assert result.day == DAY
    assert Booking.objects.on(Company.objects.get(slug="demo"), DAY).count() == 40
    assert Driver.objects.count() == 6
    assert Assignment.objects.open().count() == result.report.assigned > 30
    assert result.report.assigned + len(result.report.unassigned) == 40


def test_result_is_readable():
    text = small_demo().summary()

    for word in (
        "Bookings",
        "assigned",
        "Kilometres",
        "Statements",
        "Seconds",
        "make serve",
        "create_token",
    ):
        assert word in text


@pytest.mark.parametrize(
    ("name", "role", "is_superuser", "sees_users"),
    [("dispatcher", "dispatcher", False, False), ("developer", "owner", True, True)],
)
def test_users_open_the_admin_with_the_printed_passwords(
    client, name, role, is_superuser, sees_users
):
    result = small_demo()

    assert f"user {name}, password {result.passwords[name]}:" in result.summary()
    user = authenticate(RequestFactory().post("/"), username=name, password=result.passwords[name])
    assert (user.is_staff, user.is_superuser) == (True, is_superuser)
    assert user.memberships.get().role == role
    client.force_login(user)
    page = client.get("/admin/bookings/client/").content.decode()
    for title in ("Users", "Performance"):
        assert (title in page) == sees_users
    assert (client.get("/admin/auth/user/").status_code == 200) == sees_users


def test_a_dispatcher_who_was_a_superuser_is_one_no_more():
    small_demo()
    company = Company.objects.get(slug="demo")
    users = get_user_model().objects
    users.filter(username="dispatcher").update(is_superuser=True)
    company.memberships.filter(user__username="dispatcher").update(role="owner")

    small_demo(now=NOW + timedelta(minutes=1))

    user = users.get(username="dispatcher")
    assert not user.is_superuser
    assert user.memberships.get().role == "dispatcher"


def test_it_works_twice_and_keeps_what_is_there():
    first = small_demo()
    bookings = list(Booking.objects.order_by("id").values_list("id", "reference"))

    second = small_demo(now=NOW + timedelta(minutes=1))

    assert list(Booking.objects.order_by("id").values_list("id", "reference")) == bookings
    assert Shift.objects.count() == 6
    assert second.report.changes["kept"] == first.report.assigned
    for name, password in first.passwords.items():
        assert password != second.passwords[name]
        assert authenticate(RequestFactory().post("/"), username=name, password=password) is None
    assert DispatchRun.objects.count() == 2


def test_next_day_gets_bookings_and_shifts_of_its_own():
    small_demo()

    small_demo(now=NOW + timedelta(days=1))

    assert Booking.objects.count() == 80
    assert Shift.objects.count() == 12
    assert Driver.objects.count() == 6


def test_same_date_gives_the_same_day():
    small_demo()
    first = list(Booking.objects.order_by("reference").values_list("reference", "pickup_lat"))

    Assignment.objects.all().delete()
    events = Event.objects.filter(kind=Event.Kind.BOOKING_CREATED).order_by("id")

    assert len(first) == events.count() == 40
    again = demo.generate.geneva_day(40, 6, demo.SEED).bookings
    assert sorted(lat for _reference, lat in first) == sorted(b.pickup_latitude for b in again)


@pytest.mark.parametrize("name", ["dispatcher", "developer"])
def test_somebody_elses_user_keeps_the_password(name):
    get_user_model().objects.create_user(name, password="mine")

    with pytest.raises(DemoRefusedError, match=name):
        small_demo()

    assert authenticate(RequestFactory().post("/"), username=name, password="mine")
    assert not Company.objects.exists()


def test_somebody_elses_company_is_left_alone():
    builders.driver(builders.company("demo"))

    with pytest.raises(DemoRefusedError, match="demo"):
        small_demo()

    assert Booking.objects.count() == 0


def test_command_prints_the_result():
    printed = io.StringIO()
    with mock.patch(
        "perf.project.management.commands.demo.run_demo", lambda now: small_demo(now=now)
    ):
        call_command("demo", stdout=printed)

    assert "password" in printed.getvalue()
    tomorrow = Company.objects.get(slug="demo").local(timezone.now()).date() + timedelta(days=1)
    assert tomorrow.isoformat() in printed.getvalue()


def test_command_tells_what_is_wrong_in_a_sentence():
    get_user_model().objects.create_user("dispatcher")

    with pytest.raises(DemoRefusedError, match="not the demonstration's"):
        call_command("demo")
