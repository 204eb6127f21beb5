"""Whatever an address says, an admin page answers, on both databases."""

import pytest

from tests.support import builders as make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address",
    [
        "bookings/booking/?q=%00",
        "bookings/booking/?status__exact=%00",
        "bookings/booking/?from=%00",
        "bookings/client/?phone__contains=%00",
        "bookings/client/?%00=1",
        "drivers/shift/?driver__name=a%00b",
        "bookings/booking/telephone/?q=%00",
        "board/?day=%00",
        "login/?next=%00",
    ],
)
def test_a_nul_in_an_address_is_refused(client, address):
    client.force_login(make.member())
    assert client.get(f"/admin/{address}").status_code == 400


@pytest.mark.parametrize("text", ["%ED%A0%80", "%FF", "%E2%80%8B", "%01", "%F0%9F%9A%91"])
def test_other_odd_texts_find_nothing(client, text):
    client.force_login(make.member())
    for address in ("bookings/booking/?status__exact=", "bookings/client/?phone__contains="):
        assert client.get(f"/admin/{address}{text}").status_code in (200, 302)
