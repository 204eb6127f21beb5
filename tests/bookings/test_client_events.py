"""The log tells what happened to clients: sealed, once, and to the customer whose they are."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bookings.importing.import_bookings import import_bookings
from bookings.merge import merge_clients, preview_merge
from bookings.models import Actor, Client, Delivery, Door, Event
from bookings.models.seals import ERASED
from bookings.privacy.export import export_person
from bookings.privacy.forget import forget
from bookings.webhooks.worker import queue_deliveries
from drivers.models import Customer, Role
from tests.support import builders as make
from tests.support.callers import API, caller
from tests.support.full_search import tables_with

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
CLIENTS = f"{API}clients/"
ZOE = {"name": "Zoé Quelqu’une", "phone": "+41 79 555 11 22", "address": "Chemin Caché 77"}


def told():
    return [(event.kind, event.old, event.new) for event in Event.objects.order_by("id")]


def create(api, **values):
    answer = api.post(CLIENTS, ZOE | values, format="json")
    assert answer.status_code in (200, 201), answer.content
    return answer.json()["id"]


def test_a_client_of_the_api_is_told_of_once_and_sealed():
    api = caller()
    pk = create(api)
    assert create(api) == pk
    values = {"client": pk, **ZOE, "wheelchair": False, "may_share": True}
    assert told() == [("client.created", {}, values)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT new FROM bookings_event")
        [stored] = cursor.fetchone()
    assert [word for word in ("Quelqu", "79 555", "Chemin") if word in str(stored)] == []
    event = Event.objects.get()
    client = Client.objects.get()
    assert (event.customer_id, event.company_id) == (client.customer_id, client.company_id)
    assert (event.user, event.door) == (api.user, Door.API)
    [shown] = api.get(f"{API}events/").json()["results"]
    assert (shown["kind"], shown["new"]) == ("client.created", values)


def test_a_change_tells_the_fields_that_changed_and_none_tells_nothing():
    api = caller()
    client = make.client(name="Zoé", phone="")
    url = f"{CLIENTS}{client.pk}/"
    for body, status in (({"name": "Zoé"}, 200), ({"name": ""}, 400), ({"phone": "079 1"}, 200)):
        assert api.patch(url, body, format="json").status_code == status
    pk = client.pk
    assert told() == [
        ("client.changed", {"client": pk, "phone": ""}, {"client": pk, "phone": "079 1"})
    ]


def test_the_admin_tells_of_new_and_changed_clients(client, geneva):
    form = {"company": geneva.pk, "customer": geneva.default_customer.pk, "may_share": "on", **ZOE}
    client.post(reverse("admin:bookings_client_add"), form)
    row = Client.objects.get()
    page = reverse("admin:bookings_client_change", args=[row.pk])
    empty = {
        f"{name}-{total}": 0
        for name in ("places", "driver_preferences", "recipients", "pauses")
        for total in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    client.post(page, {**form, **empty, "notes": "key under the mat"})
    kinds = [kind for kind, _old, _new in told()]
    assert kinds == ["client.created", "client.changed"]
    changed = Event.objects.last()
    assert changed.new == {"client": row.pk, "client_notes": "key under the mat"}
    assert changed.door == Door.ADMIN
    log = client.get(reverse("admin:bookings_event_changelist")).content.decode()
    assert f"Client changed: {row.name}" in log
    assert "key under the mat" in log


HEADER = (
    "reference,scheduled_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,passengers,wheelchairs,"
    "client_name,client_phone\n"
)


def test_a_file_tells_of_its_new_clients_before_their_trips_in_constant_statements():
    company = make.company()
    known = make.client(company, "Known", phone="")
    counts = []
    for size in (1, 20):
        rows = "".join(
            f"R{size}-{number},2026-06-17T09:00,46.2,6.14,46.21,6.15,1,0,{name},\n"
            for number, name in enumerate(["Known", *(f"N {size} {n}" for n in range(size))])
        )
        with CaptureQueriesContext(connection) as captured:
            import_bookings(company, (HEADER + rows).encode(), actor=ACTOR, now=make.NOW)
        counts.append(len(captured))
    assert counts[0] == counts[1]
    kinds = [kind for kind, _old, _new in told()]
    assert kinds[:3] == ["client.created", "booking.created", "booking.created"]
    made = {new["client"]: new["name"] for kind, _old, new in told() if kind == "client.created"}
    assert made == dict(Client.objects.exclude(pk=known.pk).values_list("id", "name"))


def test_a_merge_tells_into_whom_and_what_it_changed():
    company = make.company()
    kept = make.client(company, "Zoé", phone="")
    gone = make.client(company, "Zoe", phone="079 1")
    gone_id, seen = gone.pk, preview_merge(kept, gone).seen
    merge_clients(kept.pk, gone_id, actor=ACTOR, now=make.NOW, seen=seen)
    new = {"client": kept.pk, "merged": gone_id, "phone": "079 1"}
    assert told() == [("client.merged", {"client": kept.pk, "phone": ""}, new)]


def test_only_its_own_customer_is_told_and_not_what_the_company_has_noted():
    company = make.company()
    mine, other = (Customer.objects.create(company=company, name=name) for name in ("A", "B"))
    hooks = {owner: make.webhook(company, customer=owner) for owner in (mine, other)}
    client = make.client(company, "Zoé", customer=mine)
    own = caller(Role.CLIENT_API, company, customer=mine)
    theirs = caller(Role.CLIENT_API, company, customer=other)
    staff = caller(company=company)
    assert (
        staff.patch(f"{CLIENTS}{client.pk}/", {"phone": "079 2"}, format="json").status_code == 200
    )
    Event.objects.bulk_create(
        [
            Event(
                company=company, customer=mine, kind=Event.Kind.CLIENT_CHANGED, at=make.NOW,
                door=Door.ADMIN, new={"client": client.pk, "client_notes": "difficult"},
            )
        ]
    )  # fmt: skip
    shown = own.get(f"{API}events/").json()["results"]
    assert [event["new"] for event in shown] == [
        {"client": client.pk, "phone": "079 2"},
        {"client": client.pk},
    ]
    assert theirs.get(f"{API}events/").json()["results"] == []
    queue_deliveries(now=make.NOW)
    assert set(Delivery.objects.values_list("webhook", flat=True)) == {hooks[mine].pk}


def test_it_is_exported_and_forgotten_with_the_person():
    api = caller(Role.OWNER)
    pk = create(api)
    assert api.patch(f"{CLIENTS}{pk}/", {"phone": "079 777"}, format="json").status_code == 200
    client = Client.objects.get(pk=pk)
    exported = json.loads("".join(export_person(client)))["events"]
    assert [event["kind"] for event in exported] == ["client.created", "client.changed"]
    forget(client, reason="asked", actor=ACTOR, now=make.NOW)
    assert tables_with(*ZOE.values(), "079 777", "Quelqu") == {}
    kinds = [kind for kind, _old, _new in told()]
    assert kinds == ["client.created", "client.changed", "client.forgotten"]
    assert Event.objects.first().new["name"] == ERASED


def test_who_is_told_is_in_the_log_sealed_and_not_for_the_customer(client, geneva):
    hospital = make.customer(geneva, "HUG")
    row = make.client(geneva, **ZOE, customer=hospital)
    page = reverse("admin:bookings_client_change", args=[row.pk])
    form = {"company": geneva.pk, "customer": hospital.pk, "may_share": "on", **ZOE}
    form |= {"lat": row.lat, "lon": row.lon}
    form |= {
        f"{name}-{total}": 0
        for name in ("places", "driver_preferences", "recipients", "pauses")
        for total in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    contact = {"recipients-TOTAL_FORMS": 1, "recipients-0-person": "contact"}
    contact |= {"recipients-0-channel": "email", "recipients-0-address": "ward@example.org"}
    contact |= {"recipients-0-language": "fr", "recipients-0-client": row.pk, "recipients-0-id": ""}
    assert client.post(page, form | contact).status_code == 302
    told = {"client": row.pk, "recipients": ["contact email ward@example.org fr"]}
    event = Event.objects.get()
    assert (event.kind, event.old) == ("client.changed", {"client": row.pk, "recipients": []})
    assert event.new == told
    with connection.cursor() as cursor:
        cursor.execute("SELECT new FROM bookings_event")
        assert "ward@" not in str(cursor.fetchone())
    # Sent again without a change, and with one.
    stored = row.recipients.get()
    contact |= {"recipients-INITIAL_FORMS": 1, "recipients-0-id": stored.pk}
    client.post(page, form | contact)
    assert Event.objects.count() == 1
    client.post(page, form | contact | {"recipients-0-DELETE": "on"})
    gone = Event.objects.latest("id")
    assert (gone.old, gone.new) == (told, {"client": row.pk, "recipients": []})
    log = client.get(reverse("admin:bookings_event_changelist")).content.decode()
    assert "ward@example.org" in log
    portal = caller(Role.CLIENT_API, geneva, customer=hospital)
    feed = portal.get(f"{API}events/").content.decode()
    assert "client.changed" in feed
    assert "ward@" not in feed
    forget(row, reason="asked", actor=ACTOR, now=make.NOW)
    assert Event.objects.order_by("id")[0].new["recipients"] == ERASED


def test_a_merge_tells_who_is_told_after_it(geneva):
    kept, gone = make.client(geneva, "Zoé", phone=""), make.client(geneva, "Zoe", phone="079 1")
    gone.recipients.create(person="contact", channel="email", address="ward@example.org")
    seen = preview_merge(kept, gone).seen
    merge_clients(kept.pk, gone.pk, seen=seen, actor=ACTOR, now=make.NOW)
    event = Event.objects.get(kind="client.merged")
    assert event.old["recipients"] == []
    assert event.new["recipients"] == ["contact email ward@example.org"]
