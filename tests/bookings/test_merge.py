"""What a merge takes over, that all of it was seen before, and that it waits for its turn."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction
from django.urls import reverse

from bookings.merge import CannotMerge, merge_clients, preview_merge
from bookings.models import Actor, Booking, Client, Door, Pause, Series
from bookings.privacy.forget import begin
from bookings.series.make import lock_series, make_ahead
from tests.support import builders as make
from tests.support.together import wait_for_somebody_who_waits

pytestmark = pytest.mark.django_db
BY = {"actor": Actor(Door.COMMAND, name="test"), "now": make.NOW}
HERE, THERE = (46.2, 6.1), (46.3, 6.3)
CHANGES = {"phone": "0900 666 666", "address": "Elsewhere 1", "notes": "Not told",
           "wheelchair": True, "lat": 46.3}  # fmt: skip


@pytest.fixture
def doubles():
    company = make.company()
    return make.client(company, "Ida"), make.client(company, "Ida T.")


def seen_of(kept, gone):
    return preview_merge(Client.objects.get(pk=kept.pk), Client.objects.get(pk=gone.pk)).seen


def merge(kept, gone, seen=None):
    return merge_clients(kept.pk, gone.pk, seen=seen or seen_of(kept, gone), **BY)


@pytest.mark.parametrize(
    ("of_kept", "of_gone", "position"),
    [
        (("Rue A 1", None), ("Rue B 2", THERE), None),
        (("Rue A 1", None), ("RUE  A 1", THERE), THERE),
        (("Rue A 1", HERE), ("Rue A 1", THERE), HERE),
        (("", None), ("Rue B 2", THERE), THERE),
        (("", HERE), ("Rue B 2", THERE), THERE),
        (("", HERE), ("Rue B 2", None), HERE),
    ],
)
def test_a_position_comes_with_its_address(doubles, of_kept, of_gone, position):
    for one, (address, where) in zip(doubles, (of_kept, of_gone), strict=True):
        lat, lon = where or (None, None)
        Client.objects.filter(pk=one.pk).update(address=address, lat=lat, lon=lon)
    merge(*doubles)
    assert Client.objects.values_list("lat", "lon").get() == (position or (None, None))


@pytest.mark.parametrize("who", [0, 1])
def test_who_is_being_forgotten_is_not_merged(doubles, who):
    seen = seen_of(*doubles)
    erasure = begin(doubles[who], reason="asked for it", **BY)
    with pytest.raises(CannotMerge, match="is being forgotten"):
        preview_merge(*doubles)
    with pytest.raises(CannotMerge, match="is being forgotten"):
        merge(*doubles, seen)
    erasure.refresh_from_db()
    assert erasure.client == doubles[who]


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("name", CHANGES)
def test_all_that_a_merge_writes_has_been_seen(doubles, who, name):
    seen = seen_of(*doubles)
    Client.objects.filter(pk=doubles[who].pk).update(**{name: CHANGES[name]})
    with pytest.raises(CannotMerge, match="changed meanwhile"):
        merge(*doubles, seen)
    assert merge(*doubles)


@pytest.mark.parametrize(
    ("add", "said"),
    [
        (lambda gone: make.series(gone.company, client=gone), "1 standing order changes"),
        (
            lambda gone: Pause.objects.create(
                company=gone.company, client=gone, first_day=make.DAY
            ),
            "1 pause then holds",
        ),
    ],
)
def test_standing_orders_and_pauses_are_told(client, doubles, add, said):
    kept, gone = doubles
    seen = seen_of(kept, gone)
    client.force_login(make.member(kept.company))
    address = reverse("admin:bookings_client_merge", args=[kept.pk, gone.pk])
    assert said not in client.get(address).text
    add(gone)
    with pytest.raises(CannotMerge, match="changed meanwhile"):
        merge(kept, gone, seen)
    assert said in client.get(address).text
    merge(kept, gone)


def test_what_a_page_has_shown_of_standing_orders_is_over(doubles):
    for one in doubles:
        make.series(one.company, client=one)
    kept = merge(*doubles)
    assert list(Series.objects.values_list("client", "version")) == [(kept.pk, 2)] * 2


@pytest.mark.django_db(transaction=True)
def test_a_merge_and_a_change_of_a_standing_order_wait_in_one_order(doubles):
    kept, gone = doubles
    series = make.series(kept.company, client=gone)
    make_ahead(kept.company, **BY)
    seen = seen_of(kept, gone)

    def merge_them():
        try:
            return merge(kept, gone, seen)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lock_series(kept.company, [series.pk])
            merged = pool.submit(merge_them)
            if connection.vendor == "postgresql":  # SQLite has one writer at a time
                wait_for_somebody_who_waits()
            rows = Booking.objects.filter(series=series).order_by("id")
            assert list(rows.select_for_update(no_key=True))  # as a change does, in this order
        assert merged.result(30) == kept
