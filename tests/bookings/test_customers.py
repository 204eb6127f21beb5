"""A customer's rows: kept together by the database, seen by nobody else's client system."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from bookings.importing.import_bookings import import_bookings
from bookings.models import Actor, Booking, Client, Door, Event, Status
from bookings.webhooks.worker import body_of, queue_deliveries
from drivers.models import ApiToken, Company, Customer, Membership, Role
from tests.support import builders as make
from tests.support.callers import API, booking_values, caller

pytestmark = pytest.mark.django_db
ACTOR = Actor(Door.COMMAND, name="test")
HEADER = (
    "reference,scheduled_time,pickup_lat,pickup_lon,dropoff_lat,dropoff_lon,passengers,wheelchairs,"
    "client_name\n"
)


@pytest.fixture
def hospital():
    return make.customer(make.company(), "Hospital", kind="hospital")


@pytest.fixture
def clinic(hospital):
    return make.customer(hospital.company, "Clinic")


def portal_of(customer):
    return caller(Role.CLIENT_API, customer.company, customer=customer)


def is_refused(write):
    """Return whether the database refuses it, at the latest when the transaction ends."""
    try:
        with transaction.atomic():
            write()
            connection.check_constraints()
    except IntegrityError:
        return True
    return False


def test_every_company_has_a_default_customer_that_owns_what_names_no_other():
    company = make.company()
    assert Customer.objects.get(company=company).is_default
    assert make.client(company).customer == company.default_customer
    assert make.booking(company).customer == company.default_customer
    Booking.objects.bulk_create(
        [Booking(company=company, pickup_lat=46, pickup_lon=6, dropoff_lat=46, dropoff_lon=6,
                 scheduled_time=make.at("09:00"))]
    )  # fmt: skip
    assert Booking.objects.filter(customer=company.default_customer).count() == 2
    assert is_refused(lambda: make.customer(company, is_default=True))


def test_the_database_keeps_owner_company_and_client_together(hospital, clinic):
    other = make.company("lausanne").default_customer
    client = make.client(hospital.company, customer=hospital)
    booking = make.booking(hospital.company, client=client)
    assert booking.customer == hospital
    rows = Booking.objects.filter(pk=booking.pk)
    assert is_refused(lambda: rows.update(customer=other, client=None))
    assert is_refused(lambda: rows.update(customer=clinic))  # the client is the hospital's
    assert is_refused(lambda: Client.objects.filter(pk=client.pk).update(customer=clinic))
    assert is_refused(lambda: make.webhook(hospital.company, customer=other))
    assert not is_refused(lambda: rows.update(customer=clinic, client=None))


def test_only_client_systems_have_a_customer(hospital):
    member = make.member(hospital.company, Role.CLIENT_API, customer=hospital).memberships.get()
    rows = Membership.objects.filter(pk=member.pk)
    assert is_refused(lambda: rows.update(customer=None))
    assert is_refused(lambda: rows.update(role=Role.VIEWER))
    assert is_refused(lambda: rows.update(customer=make.company("bern").default_customer))
    caller(Role.OWNER, hospital.company)
    assert is_refused(lambda: ApiToken.objects.update(customer=hospital))


def test_the_customer_of_a_booking_never_changes(hospital, clinic):
    booking = make.booking(hospital.company, customer=hospital)
    dispatcher = caller(Role.DISPATCHER, hospital.company)
    told = dispatcher.patch(f"{API}bookings/{booking.pk}/", {"customer": clinic.pk})
    assert (told.status_code, told.json()["errors"][0]["code"]) == (400, "fixed")
    same = dispatcher.patch(f"{API}bookings/{booking.pk}/", {"customer": hospital.pk, "notes": "x"})
    assert same.status_code == 200


def test_references_are_unique_for_each_customer(hospital, clinic):
    values = booking_values("A-1")
    first = portal_of(hospital).post(f"{API}bookings/", values)
    second = portal_of(clinic).post(f"{API}bookings/", values | {"notes": "another trip"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert portal_of(hospital).post(f"{API}bookings/", values).status_code == 200
    told = portal_of(clinic).post(f"{API}bookings/", values | {"notes": "a third one"})
    assert told.status_code == 409
    assert str(second.json()["id"]) in told.json()["detail"]
    found = caller(Role.VIEWER, hospital.company).get(f"{API}bookings/", {"search": "A-1"})
    assert {row["customer"] for row in found.json()["results"]} == {hospital.pk, clinic.pk}


def test_rows_of_another_customer_are_unknown_in_a_body(hospital, clinic):
    company = hospital.company
    theirs = make.booking(company, client=make.client(company, customer=clinic), customer=clinic)
    own = make.booking(company, customer=hospital)
    portal = portal_of(hospital)
    for field, foreign in (
        ("client", theirs.client_id), ("return_of", theirs.pk), ("customer", clinic.pk),
    ):  # fmt: skip
        unknown = 999_999_999
        for send, path, values in (
            (portal.post, "bookings/", booking_values("NEW")),
            (portal.post, "quotes/", booking_values("")),
            (portal.patch, f"bookings/{own.pk}/", {}),
        ):
            if field == "customer" and send == portal.patch:
                continue
            told = send(f"{API}{path}", values | {field: foreign})
            nothing = send(f"{API}{path}", values | {field: unknown})
            assert told.status_code == 400, told.content
            assert told.json() == nothing.json()
        bulk = {"bookings": [booking_values("NEW", **{field: foreign})]}
        assert portal.post(f"{API}bookings/bulk/", bulk).status_code == 400


def test_search_filters_and_expansions_stay_with_the_customer(hospital, clinic):
    company = hospital.company
    sara = make.client(company, "Sara", customer=clinic)
    make.booking(company, reference="S-1", client=sara, pickup_address="Rue Cachée 1")
    mine = make.client(company, "Sara", customer=hospital)
    make.booking(company, reference="S-1", client=mine)
    portal = portal_of(hospital)
    for query in ("search=Sara", "search=S-1", "reference=S-1", "expand=client", ""):
        rows = portal.get(f"{API}bookings/?{query}").json()["results"]
        assert {row["customer"] for row in rows} == {hospital.pk}, query
    assert portal.get(f"{API}bookings/?client={sara.pk}").json()["results"] == []
    assert portal.get(f"{API}bookings/?customer={clinic.pk}").json()["results"] == []
    names = portal.get(f"{API}clients/?search=Sara").json()["results"]
    assert [row["id"] for row in names] == [mine.pk]
    assert portal.get(f"{API}places/?q=Cachée").json()["results"] == []


def test_a_customer_hears_of_its_own_trips_and_of_no_people(hospital, clinic):
    company = hospital.company
    portal, other = portal_of(hospital), portal_of(clinic)
    booked = portal.post(f"{API}bookings/", booking_values("E-1")).json()
    other.post(f"{API}bookings/", booking_values("E-2"))
    Event.objects.bulk_create(
        [
            Event(
                company=company,
                booking_id=booked["id"],
                kind=Event.Kind.MOVED,
                at=make.NOW,
                actor="Dispatcher Dora",
                door="admin",
                reason="Driver Sick Sam",
                new={"driver": 7, "pickup": "x", "absence": 3},
            ),
            Event(company=company, kind=Event.Kind.WEBHOOK_DISABLED, at=make.NOW, door="worker"),
        ]
    )
    feed = portal.get(f"{API}events/").json()["results"]
    assert [row["booking"] for row in feed] == [booked["id"]] * 2
    assert feed[1]["new"] == {"driver": 7, "pickup": "x"}
    assert (feed[1]["actor"], feed[1]["reason"], feed[1]["run"]) == ("", "", None)
    staff = caller(Role.VIEWER, company).get(f"{API}events/").json()["results"]
    assert len(staff) == 4
    assert staff[2]["actor"] == "Dispatcher Dora"


def test_a_customer_is_not_told_the_reasons_of_the_office(hospital):
    company = hospital.company
    portal, dispatcher = portal_of(hospital), caller(Role.DISPATCHER, company)
    address = f"{API}bookings/{portal.post(f'{API}bookings/', booking_values()).json()['id']}/"
    assert dispatcher.post(f"{address}accept/", {"reason": "Paul is sick"}).status_code == 200
    assert portal.post(f"{address}cancel/", {"reason": "She is well"}).status_code == 200
    file = (HEADER + "R1,2026-06-17T09:00,46.2,6.14,46.21,6.15,1,0,Ida\n").encode()
    how = {"actor": ACTOR, "now": make.NOW, "customer": hospital}
    import_bookings(company, file, filename="Clinic.csv", **how)
    feed = portal.get(f"{API}events/").json()["results"]
    assert [row["kind"] for row in feed] == [
        "booking.created", "booking.status", "booking.status", "client.created",
        "booking.created",
    ]  # fmt: skip
    assert {row["reason"] for row in feed} == {""}
    assert feed[2]["new"]["cancel_reason"] == "She is well"
    hook = make.webhook(company, customer=hospital)
    queue_deliveries(now=make.NOW)
    for delivery in hook.deliveries.select_related("event"):
        assert b'"reason":""' in body_of(delivery.event, for_customer=True)
    own = caller(Role.VIEWER, company).get(f"{API}events/").json()["results"]
    assert own[1]["reason"] == "Paul is sick"
    assert "Clinic.csv" in own[4]["reason"]


def test_a_customer_does_not_filter_by_runs_that_it_does_not_see(hospital):
    booking = make.booking(hospital.company, customer=hospital)
    driver = make.driver(hospital.company)
    run = make.run(hospital.company)
    make.assignment(booking, driver, run=run)
    address = f"{API}assignments/?run={run.pk}"
    told = portal_of(hospital).get(address)
    assert (told.status_code, told.json()["errors"][0]["code"]) == (400, "unknown")
    assert "run" not in told.json()["errors"][0]["detail"]
    staff = caller(Role.VIEWER, hospital.company).get(address).json()["results"]
    assert [row["booking"] for row in staff] == [booking.pk]


def test_a_customers_webhook_receives_its_events_only(hospital, clinic):
    company = hospital.company
    hooks = [make.webhook(company), make.webhook(company, customer=hospital)]
    for customer in (hospital, clinic):
        portal_of(customer).post(f"{API}bookings/", booking_values("W-1"))
    assert queue_deliveries(now=make.NOW) == 3
    mine, theirs = Booking.objects.order_by("id")
    got = [[d.event.booking for d in hook.deliveries.order_by("id")] for hook in hooks]
    assert got == [[mine, theirs], [mine]]
    assert queue_deliveries(now=make.NOW) == 0
    event = hooks[1].deliveries.get().event
    assert b"portal" not in body_of(event, for_customer=True)
    assert b'"actor":"test' in body_of(event)


def test_a_client_system_makes_webhooks_for_its_customer(hospital, clinic):
    portal = portal_of(hospital)
    values = {"url": "https://portal.example.org/hook"}
    made = portal.post(f"{API}webhooks/", values)
    assert (made.status_code, made.json()["customer"]) == (201, hospital.pk)
    told = portal.post(f"{API}webhooks/", values | {"customer": clinic.pk})
    assert told.status_code == 400
    owner = caller(Role.OWNER, hospital.company)
    for_clinic = owner.post(f"{API}webhooks/", values | {"customer": clinic.pk})
    assert for_clinic.json()["customer"] == clinic.pk
    moved = owner.patch(f"{API}webhooks/{for_clinic.json()['id']}/", {"customer": hospital.pk})
    assert moved.status_code == 400


def test_of_a_driver_a_customer_sees_what_a_passenger_needs(hospital):
    company = hospital.company
    driver = make.driver(company, "Anna", phone="+41 79 111 11 11")
    driver.last_lat, driver.last_lon, driver.last_position_at = 46.2, 6.1, make.NOW
    driver.save()
    booking = make.booking(company, customer=hospital)
    trip = make.assignment(booking, driver, explanation={"others": ["Bea"]})
    portal = portal_of(hospital)

    def shown():
        row = portal.get(f"{API}bookings/{booking.pk}/", {"expand": "driver"}).json()
        return row["assignment"]["driver"]

    assert shown() == {
        "id": driver.pk, "name": "Anna", "phone": None, "plate": driver.vehicle.plate,
        "position": None,
    }  # fmt: skip
    Booking.objects.filter(pk=booking.pk).update(status=Status.EN_ROUTE)
    assert shown()["position"] == {"lat": 46.2, "lon": 6.1, "at": "2026-06-16T16:00:00Z"}
    row = portal.get(f"{API}assignments/{trip.pk}/").json()
    assert (row["explanation"], row["run"]) == ({}, None)
    staff = caller(Role.VIEWER, company)
    row = staff.get(f"{API}bookings/{booking.pk}/", {"expand": "driver"}).json()
    assert row["assignment"]["driver"]["phone"] == "+41 79 111 11 11"


def test_a_client_is_created_once_and_two_of_one_name_exist(hospital, clinic):
    portal = portal_of(hospital)
    anna = {"name": "Anna Müller", "external_id": "P-1"}
    first = portal.post(f"{API}clients/", anna)
    again = portal.post(f"{API}clients/", anna)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first["Location"] == again["Location"]
    told = portal.post(f"{API}clients/", anna | {"phone": "1"})
    assert told.status_code == 409
    assert told.json()["client"] == first.json()["id"]
    assert [row["field"] for row in told.json()["errors"]] == ["phone"]
    second = portal.post(f"{API}clients/", anna | {"external_id": "P-2"})
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]
    elsewhere = portal_of(clinic).post(f"{API}clients/", anna | {"phone": "1"})
    assert elsewhere.status_code == 201
    for _ in range(2):
        told = portal.post(f"{API}clients/", {"name": "Bea"})
    assert told.status_code == 200
    assert Client.objects.filter(customer=hospital).count() == 3


def test_a_file_is_imported_for_one_customer(hospital, clinic):
    row = "R1,2026-06-17T09:00,46.2,6.14,46.21,6.15,1,0,Ida\n"
    company = Company.objects.get(pk=hospital.company_id)
    for customer in (hospital, clinic):
        result = import_bookings(
            company, (HEADER + row).encode(), actor=ACTOR, now=make.NOW, customer=customer
        )
        assert (result.created, result.errors) == (1, ())
    assert Booking.objects.filter(reference="R1").count() == 2
    assert {row.customer for row in Client.objects.all()} == {hospital, clinic}
    again = import_bookings(
        company, (HEADER + row).encode(), actor=ACTOR, now=make.NOW, customer=clinic
    )
    assert again.unchanged == 1


def test_a_token_of_a_client_system_names_its_customer(hospital, clinic):
    owner = caller(Role.OWNER, hospital.company)
    told = owner.post(f"{API}tokens/", {"name": "portal", "role": "client_api"})
    assert (told.status_code, told.json()["errors"][0]["field"]) == (400, "customer")
    made = owner.post(
        f"{API}tokens/", {"name": "portal", "role": "client_api", "customer": clinic.pk}
    )
    assert (made.status_code, made.json()["customer"]) == (201, clinic.pk)
    wrong = owner.post(f"{API}tokens/", {"name": "x", "role": "viewer", "customer": clinic.pk})
    assert wrong.status_code == 400
    member = make.member(hospital.company, Role.CLIENT_API, customer=hospital).memberships.get()
    key = caller(Role.CLIENT_API, hospital.company, user=member.user)
    assert key.get(f"{API}clients/").status_code == 200
    Membership.objects.filter(pk=member.pk).update(customer=clinic)
    assert key.get(f"{API}clients/").status_code == 401  # the key was the hospital's


def test_the_way_back_is_of_the_same_customer(hospital, clinic):
    there = make.booking(hospital.company, customer=hospital)
    back = make.booking(hospital.company, "15:00", customer=clinic)
    back.return_of = there
    with pytest.raises(ValidationError, match="belongs to another customer"):
        back.full_clean()
