"""Standing orders from a file: all or nothing, each once, in constant statements."""

from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.import_series import import_series
from bookings.models import Actor, Booking, Client, Door, Series
from tests.support import builders as make
from tests.support.together import together

pytestmark = pytest.mark.django_db
BY = {"actor": Actor(Door.COMMAND, name="import_series"), "now": make.NOW}
HEAD = (
    "client_name,client_phone,weekdays,first_day,pickup_time,return_time,pickup_lat,pickup_lon,"
    "dropoff_lat,dropoff_lon"
)
PLACES = "46.234,6.08,46.1936,6.1487"


def file_of(*rows):
    return "\n".join([HEAD, *rows]).encode()


@pytest.fixture
def geneva():
    return make.company(series_days_ahead=14)


def test_a_file_makes_orders_with_their_dates_and_twice_nothing(geneva):
    rosa = make.client(geneva, "Rosa Müller", phone="+41 79 555 01 02")
    data = file_of(
        f"rosa muller,079 555 01 02,mon wed fri,2026-06-17,08:00,12:30,{PLACES}",
        f"Ada New,,wed,2026-06-17,9h15,,{PLACES}",
    )
    foreseen = import_series(geneva, data, **BY, dry_run=True)
    assert (foreseen.made, foreseen.known) == (2, 0)
    assert not Series.objects.exists()
    assert Client.objects.count() == 1

    done = import_series(geneva, data, **BY)
    first, second = Series.objects.order_by("id")
    assert (first.client, first.in_words()) == (rosa, "every Mon, Wed, Fri 08:00, back 12:30")
    assert second.client.name == "Ada New"
    # From Wednesday 17 to Tuesday 30 June: 6 dates there and back, and 2 Wednesdays.
    assert done.bookings == Booking.objects.count() == 2 * 6 + 2
    again = import_series(geneva, data, **BY)
    assert (again.made, again.known, again.bookings) == (0, 2, 0)
    assert (Series.objects.count(), Client.objects.count()) == (2, 2)


def test_known_is_an_order_of_the_customer_with_all_its_times_also_when_ended(geneva):
    head = f"{HEAD},appointment_time,return_will_call"
    row = f"Rosa,,wed,2026-06-17,08:00,12:30,{PLACES}"
    rows = (f"{row},08:45,", f"{row},09:00,", f"{row},08:45,yes")
    data = "\n".join([head, *rows]).encode()
    clinic = make.customer(geneva, "Clinic")
    assert import_series(geneva, data, **BY).made == 3
    assert import_series(geneva, data, **BY, customer=clinic).made == 3
    Series.objects.update(last_day=make.DAY, first_day=make.DAY)
    ended = data.replace(b"2026-06-17", str(make.DAY).encode())
    for customer in (None, clinic):
        again = import_series(geneva, ended, **BY, customer=customer)
        assert (again.made, again.known) == (0, 3)


def test_what_drives_a_client_twice_at_once_is_said_before_and_after(geneva):
    rosa = make.client(geneva, "Rosa", phone="+41 79 555 01 02")
    make.booking(geneva, client=rosa, day=date(2026, 6, 17), clock="08:05")
    data = file_of(
        f"Ada,,wed,2026-06-17,08:00,12:30,{PLACES}",
        f"Rosa,079 555 01 02,wed,2026-06-17,08:00,12:30,{PLACES}",
        f"Ada,,wed,2026-06-17,15:00,,{PLACES}",
        f"Ada,,wed,2026-06-24,15:05,,{PLACES}",
    )
    for dry_run in (True, False):
        result = import_series(geneva, data, **BY, dry_run=dry_run)
        assert result.overlapping == (3, 4, 5)
        assert "3 of the new orders have dates at the same time" in result.summary()
    assert Series.objects.count() == 4


def test_one_row_in_error_stops_all_and_every_error_is_named(geneva, tmp_path):
    rows = (
        f"Ada,,mon,2026-06-17,08:00,,{PLACES}",
        f"Ben,,someday,2026-06-17,25:00,,{PLACES}",
        f"Eve,,mon,2026-06-17,12:00,08:00,{PLACES}",
        f",079 1,mon,17 June,08:00,,{PLACES}",
    )
    result = import_series(geneva, file_of(*rows), **BY)
    assert [(error.line, error.column) for error in result.errors] == [
        (3, "weekdays"),
        (3, "pickup_time"),
        (4, "return_time"),
        (5, "first_day"),
        (5, "client_name"),
    ]
    path = tmp_path / "orders.csv"
    path.write_bytes(file_of(*rows))
    with pytest.raises(CommandError, match="5 errors"):
        call_command("import_series", str(path), company=geneva.slug)
    assert not Series.objects.exists()
    assert not Client.objects.exists()


def test_many_orders_take_as_many_statements_as_few(geneva):
    counts = []
    assert geneva.default_customer  # read once for each instance of a company
    for many in (2, 20):
        rows = [
            f"Client {many} {n},,mon,2026-06-22,{6 + n % 12:02d}:{n // 12:02d},,{PLACES}"
            for n in range(many)
        ]
        with CaptureQueriesContext(connection) as seen:
            assert import_series(geneva, file_of(*rows), **BY).made == many
        counts.append(len(seen))
    assert counts[0] == counts[1]


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_one_file_that_is_confirmed_twice_at_once_makes_its_orders_once():
    geneva = make.company(series_days_ahead=14)
    data = file_of(f"Ada New,,wed,2026-06-17,08:00,12:30,{PLACES}")
    made = together(*[lambda: import_series(geneva, data, **BY).made for _number in range(3)])
    assert sorted(made) == [0, 0, 1]
    assert (Series.objects.count(), Client.objects.count()) == (1, 1)
    assert Booking.objects.count() == 2 * 2
