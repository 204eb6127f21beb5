"""Of misspelled searches in a register, most offer the right address among the first five."""

import pytest
from django.core.management import call_command

from bookings.places.register import search_register
from tests.perf.project.addresses.generate import DEPOT, houses, searches, write

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def test_of_200_misspelled_searches_190_offer_the_right_address(tmp_path):
    rows = write(tmp_path / "addresses.csv", houses(12_000, seed=5))
    call_command("import_addresses", str(tmp_path / "addresses.csv"), verbosity=0)
    asked = searches(rows, 200, seed=6)
    missed = [typed for typed, house in asked if not offered(typed, house)]
    assert len(missed) <= 10, missed
    assert sum(typed.split()[0] in house.label.lower() for typed, house in asked) < 200


def offered(typed, house):
    found = [match.address for match in search_register(typed, near=DEPOT, limit=5)]
    street = f"{house.street}, {house.postcode} {house.locality}"
    return (house.label if house.number in typed.split() else street) in found
