"""Who reads what is stored of a client is noted, told to owners, and kept for a while."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bookings.models import Actor, Door, Reading
from bookings.models.readings import DAYS_KEPT
from bookings.privacy.readings import clear_readings, note_reading
from drivers.models import Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")


def noted():
    return list(Reading.objects.order_by("id").values_list("client_id", "what", "door"))


def page_of(person):
    return reverse("admin:bookings_client_change", args=[person.pk])


def test_every_door_that_shows_one_client_notes_who_was_shown(client, capsys):
    company = make.company()
    person = make.client(company, "Zoé")
    owner = make.member(company, Role.OWNER)
    client.force_login(owner)
    client.get(page_of(person))
    client.get(reverse("admin:bookings_client_export_person", args=[person.pk]))
    api = caller(Role.OWNER, company)
    api.get(f"{API}clients/{person.pk}/")
    api.get(f"{API}clients/{person.pk}/export/")
    api.get(f"{API}clients/")  # of many: not noted
    call_command("export_person", company=company.slug, client=person.pk)
    assert noted() == [
        (person.pk, "page", "admin"),
        (person.pk, "export", "admin"),
        (person.pk, "api", "api"),
        (person.pk, "export", "api"),
        (person.pk, "export", "command"),
    ]
    assert list(Reading.objects.order_by("id").values_list("user", flat=True)) == [
        owner.pk, owner.pk, api.user.pk, api.user.pk, None,
    ]  # fmt: skip


def test_who_may_not_see_the_client_is_not_noted(client):
    person = make.client(make.company("elsewhere"), "Zoé")
    client.force_login(make.member(make.company()))
    assert client.get(page_of(person)).status_code in (302, 404)
    assert caller().get(f"{API}clients/{person.pk}/").status_code == 404
    assert noted() == []


def test_owners_see_who_was_shown_it_and_dispatchers_do_not(client):
    company = make.company()
    person, other = make.client(company, "Zoé"), make.client(company, "Ben")
    dispatcher, owner = make.member(company), make.member(company, Role.OWNER)
    client.force_login(dispatcher)
    assert "Who has read this" not in client.get(page_of(person)).content.decode()
    client.get(page_of(other))
    client.force_login(owner)
    page = client.get(page_of(person))
    assert "Who has read this" in page.content.decode()
    assert [row.user for row in page.context["readings"]] == [dispatcher]


def test_a_reading_is_noted_in_one_statement():
    person = make.client(make.company())
    with CaptureQueriesContext(connection) as captured:
        note_reading(person, Reading.What.PAGE, actor=ACTOR, now=make.NOW)
    assert len(captured) == 1


def test_it_is_only_added_to_and_deleted_when_it_is_old():
    person, now = make.client(make.company()), timezone.now()
    old = now - timedelta(days=DAYS_KEPT, hours=2)
    for at in (old, now - timedelta(days=DAYS_KEPT - 1)):
        note_reading(person, Reading.What.PAGE, actor=ACTOR, now=at)
    rows = Reading.objects.filter(at__gt=old)
    with pytest.raises(IntegrityError, match="only added"), transaction.atomic():
        rows.update(actor="nobody")
    with pytest.raises(IntegrityError, match="only added"), transaction.atomic():
        rows.delete()
    assert clear_readings(now=now) == 1
    assert Reading.objects.get().at > old
