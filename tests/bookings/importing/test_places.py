"""Rows with an address and no position: found, chosen, or in error; never guessed."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Door, Event
from bookings.places.known import Place
from tests.bookings.importing.test_import_bookings import csv_of
from tests.bookings.importing.test_xlsx_file import workbook
from tests.bookings.places.test_address_register import OPEN_ADDRESSES, imported
from tests.support import builders as make

pytestmark = pytest.mark.django_db
NO_POSITION = {"pickup_lat": "", "pickup_lon": ""}
HOUSE = "Rue de Lausanne 12, 1201 Genève"
AT = (46.2107, 6.1434)
SENT = "Rue de Lausanne 14, 1201 Genève"  # a house that is not there


@pytest.fixture
def company(tmp_path):
    imported(tmp_path, OPEN_ADDRESSES)
    return make.company()


def load(company, *rows, data=None, **options):
    data = data or csv_of(*(NO_POSITION | row for row in rows))
    actor = Actor(Door.COMMAND, name="Ada")
    return import_bookings(company, data, actor=actor, now=make.NOW, filename="a.csv", **options)


def without_columns(*rows):
    """Return a file with addresses and no columns of positions at all."""
    text = "reference,scheduled_time,pickup_address,dropoff_address,passengers,wheelchairs\n"
    return (text + "".join(f"{row},2026-06-17T09:00,{a},{b},1,0\n" for row, a, b in rows)).encode()


def places():
    return sorted(Booking.objects.values_list("reference", "pickup_lat", "pickup_lon"))


def test_a_sure_place_is_shown_in_the_dry_run_and_taken_by_the_import(company):
    row = {"reference": "A", "pickup_address": HOUSE.upper()}
    dry = load(company, row, dry_run=True)
    (one,) = dry.addresses
    assert (one.place, one.lines, one.is_chosen) == (Place(HOUSE, *AT), (2,), False)
    assert "1 address without a position was searched: the places of 1 are known." in dry.summary()
    assert one.as_dict()["matches"][0]["source"] == "register"
    assert not Booking.objects.exists()
    load(company, row)
    assert places() == [("A", *AT)]
    assert Booking.objects.get().pickup_address == HOUSE.upper()  # as the file has it


def test_what_is_not_sure_is_an_error_that_names_line_and_candidates(company):
    rows = {"reference": "A", "pickup_address": SENT}, {"reference": "B", "pickup_address": HOUSE}
    result = load(company, *rows)
    assert result.refused
    (error,) = result.errors
    assert (error.line, error.column, error.value) == (2, "pickup_address", SENT)
    assert "such as of Rue de Lausanne, 1201 Genève (46.21" in error.message
    assert not Booking.objects.exists()
    load(company, *rows, skip_invalid=True)
    assert places() == [("B", *AT)]
    (error,) = load(company, {"reference": "C", "pickup_address": "Xyzzyplatz"}).errors
    assert "no place has this address" in error.message


def test_a_choice_is_taken_for_every_row_with_the_address(company):
    chosen = {SENT.lower().replace("è", "e"): Place("Entrance", 46.3, 6.2)}
    rows = [{"reference": name, "pickup_address": text} for name, text in
            (("A", SENT), ("B", SENT.upper()))]  # fmt: skip
    result = load(company, *rows, choices=chosen)
    (one,) = result.addresses
    assert (one.lines, one.is_chosen, one.score) == ((2, 3), True, None)
    assert places() == [("A", 46.3, 6.2), ("B", 46.3, 6.2)]


def test_a_file_without_columns_of_positions_is_read(company):
    data = without_columns(("A", f'"{HOUSE}"', '"Place du Bourg-de-Four 3, 1204 Genève"'))
    load(company, data=data)
    booking = Booking.objects.get()
    assert (booking.pickup_lat, booking.pickup_lon) == AT
    assert (booking.dropoff_lat, booking.dropoff_lon) == (46.198, 6.144)
    load(company, data=workbook({"reference": "X", "pickup_lat": None, "pickup_lon": None,
                                 "pickup_address": HOUSE}))  # fmt: skip
    assert places()[1] == ("R-1" if places()[1][0] == "R-1" else "X", *AT)


def test_the_same_file_again_changes_nothing_and_searches_nothing(company, monkeypatch):
    choices = {"rue de lausanne 14, 1201 geneve": Place("Entrance", 46.3, 6.2)}
    rows = {"reference": "A", "pickup_address": SENT}, {"reference": "B", "pickup_address": HOUSE}
    load(company, *rows, choices=choices)
    result = load(company, *rows)  # the choice is not needed again
    assert (result.unchanged, result.errors, result.addresses) == (2, (), ())
    assert Event.objects.count() == 2
    # The same address in another file is known, from the company's own trips.
    (one,) = load(company, {"reference": "C", "pickup_address": SENT}, dry_run=True).addresses
    assert (one.place, one.found.matches[0].source) == (Place(SENT, 46.3, 6.2), "company")


def test_another_address_of_a_stored_booking_is_searched(company):
    load(company, {"reference": "A", "pickup_address": HOUSE})
    result = load(company, {"reference": "A", "pickup_address": "Bahnhofstrasse 7, 3011 Bern"})
    assert result.updated == 1
    assert places() == [("A", 46.948, 7.4474)]
    result = load(company, {"reference": "A", "pickup_address": ""}, dry_run=True)
    assert (result.unchanged, result.kept) == (1, (2,))  # blank: what is stored stays


@pytest.mark.parametrize(
    ("row", "column", "says"),
    [
        ({"pickup_address": HOUSE, "pickup_lat": "46.2"}, "pickup_lat", "write pickup_lon too"),
        ({"pickup_address": HOUSE, "pickup_lon": "6.1"}, "pickup_lon", "write pickup_lat too"),
        ({"pickup_address": ""}, "pickup_lat", "or the address: a new booking needs it"),
    ],
)
def test_half_a_position_and_none_at_all_are_errors(company, row, column, says):
    errors = load(company, {"reference": "A"} | row).errors
    assert (errors[0].line, errors[0].column) == (2, column)
    assert says in errors[0].message


def test_a_place_that_was_found_far_away_is_asked_about(company, tmp_path):
    imported(tmp_path, "lat,lon,number,street,city\n41.9,12.5,5,Via Appia,Roma\n", name="b.csv")
    dry = load(company, {"reference": "A", "pickup_address": "Via Appia 5, Roma"}, dry_run=True)
    assert [row.line for row in dry.far_away] == [2]


def test_a_file_of_many_addresses_takes_as_many_statements_as_of_one(company):
    assert company.default_customer  # read once
    counts = []
    for size in (1, 40):
        rows = [{"reference": f"{size}-{n}", "pickup_address": f"Rue de Lausanne {n}, Genève"}
                for n in range(size)]  # fmt: skip
        with CaptureQueriesContext(connection) as statements:
            load(company, *rows, dry_run=True)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_the_command_lists_what_it_takes_and_what_is_to_do(company, tmp_path, capsys):
    path = tmp_path / "day.csv"
    path.write_bytes(csv_of({"reference": "A", "pickup_address": HOUSE} | NO_POSITION))
    call_command("import_bookings", str(path), company="geneva", dry_run=True)
    assert f"{HOUSE}: {HOUSE}, score 0.99" in capsys.readouterr().out
    path.write_bytes(csv_of({"reference": "A", "pickup_address": SENT} | NO_POSITION))
    with pytest.raises(CommandError):
        call_command("import_bookings", str(path), company="geneva")
    assert "line 2, pickup_address “Rue de Lausanne 14" in capsys.readouterr().out
    assert not Booking.objects.exists()
