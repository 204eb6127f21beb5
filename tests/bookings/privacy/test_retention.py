"""Clients without trips for as long as the company says are forgotten, nobody else."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from bookings.models import Booking, Client, Erasure
from bookings.privacy.retention import expired, forget_expired
from tests.support import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
NOW = make.at("12:00", make.DAY + timedelta(days=400))


def names(company):
    return [client.name for client in expired(company, now=NOW)]


def had(name, *, days_ago, **fields):
    client = make.client(name=name, phone="")
    day = NOW.date() - timedelta(days=days_ago)
    make.booking(client=client, day=day, **{"status": "completed"} | fields)
    return client


def test_only_who_has_not_travelled_for_so_long_is_forgotten(capsys):
    company = make.company(forget_after_months=12)
    old = had("Old", days_ago=370)
    had("Recent", days_ago=360)
    make.booking(client=had("Both", days_ago=370), day=NOW.date(), status="completed")
    had("Open", days_ago=370, status="accepted")
    make.series(client=had("Standing", days_ago=370))
    make.client(name="Never")
    assert names(company) == ["Old"]
    other = make.company("rival")
    make.booking(other, client=make.client(other, "Elsewhere"), status="completed")
    call_command("forget_expired", dry_run=True)
    assert names(company) == ["Old"]
    assert [(one.company.slug, one.people) for one in forget_expired(now=NOW)] == [("geneva", 1)]
    old.refresh_from_db()
    assert old.is_forgotten
    assert Erasure.objects.get().reason == "no trip for 12 months"
    assert list(forget_expired(now=NOW)) == []
    assert Client.objects.filter(name="Recent").exists()


def test_no_policy_forgets_nobody():
    had("Old", days_ago=2_000)
    assert names(make.Company.objects.get()) == []


def test_a_call_is_bounded_and_the_next_goes_on():
    make.company(forget_after_months=12)
    for name in ("One", "Two", "Three"):
        had(name, days_ago=370)
    assert [done.people for done in forget_expired(now=NOW, most=2)] == [2]
    assert [done.people for done in forget_expired(now=NOW, most=2)] == [1]
    assert not Booking.objects.exclude(reference="").exists()
