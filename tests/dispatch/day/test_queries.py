"""The rows a plan is made of, read again."""

import pytest
from django.db.models import F

from bookings.models import Booking
from dispatch.day.queries import read_bookings
from tests.support import builders as make


@pytest.mark.django_db
def test_only_what_changed_is_decoded_again():
    same, changed = make.booking(), make.booking()
    seen = {}
    before = read_bookings(Booking.objects.all(), seen=seen)
    Booking.objects.filter(id=changed.id).update(version=F("version") + 1)
    after = read_bookings(Booking.objects.all(), seen=seen)
    assert after[same.id] is before[same.id]
    assert after[changed.id].version == before[changed.id].version + 1
    assert after == read_bookings(Booking.objects.all())


@pytest.mark.django_db
def test_no_bookings_are_no_rows():
    assert read_bookings(Booking.objects.none()) == {}
