"""Bring a company's people in by the API alone: members, drivers, tokens, weeks, clients."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from bookings.models import Client, DriverPreference, Reading, SavedPlace
from dispatch.models import Assignment
from drivers.companies.tokens import LONGEST, digest, find_token, revoke_tokens
from drivers.logins.invitations import accept_as_new, invite
from drivers.models import ApiToken, Driver, Membership, Role, Shift, ShiftTemplate
from tests.api.test_api import duty, tomorrow
from tests.support import builders as make
from tests.support.callers import API, caller

URN = "urn:dispatchsite:problem:"
pytestmark = pytest.mark.django_db
WARD = {"label": "Ward", "address": "Rue 4", "lat": make.HOSPITAL[0], "lon": make.HOSPITAL[1]}


@pytest.fixture
def geneva():
    return make.company()


@pytest.fixture
def owner(geneva):
    return caller(Role.OWNER, geneva)


def test_a_driver_is_brought_in_by_the_api_alone(geneva, owner):
    anna = owner.post(f"{API}drivers/", {"name": "Anna"}).json()["id"]
    _invitation, key = invite(
        geneva, "anna@example.org", Role.DRIVER, by=owner.user, now=timezone.now()
    )
    accept_as_new(key, "correct horse battery", now=timezone.now())
    (member,) = owner.get(f"{API}members/?role=driver").json()["results"]
    assert (member["username"], member["driver"]) == ("anna@example.org", None)
    page = f"{API}members/{member['id']}/"
    linked = owner.patch(page, {"driver": anna})
    assert (linked.status_code, linked.json()["driver"]) == (200, anna)
    assert linked["ETag"] == owner.get(page)["ETag"]
    token = owner.post(f"{API}tokens/", {"name": "phone", "member": member["id"]}).json()
    phone = caller(Role.DRIVER, geneva, user=Membership.objects.get(pk=member["id"]).user)
    assert phone.get(f"{API}me/").json()["id"] == anna
    assert (token["role"], token["replaces"]) == ("driver", None)
    pattern = {"driver": anna, "weekday": 0, "start": "06:00", "end": "14:00"}
    assert owner.post(f"{API}shift-patterns/", pattern).status_code == 201
    asked = {"week": "2099-06-17", "weeks": 2, "drivers": [anna]}
    dry = owner.post(f"{API}shift-patterns/fill/", {**asked, "dry_run": True}).json()
    assert (dry["created"], dry["dry_run"], Shift.objects.count()) == (2, True, 0)
    assert owner.post(f"{API}shift-patterns/fill/", asked).json()["created"] == 2
    again = owner.post(f"{API}shift-patterns/fill/", asked).json()
    assert (again["created"], again["already"], Shift.objects.count()) == (0, 2, 2)
    copied = {"week": "2099-07-01", "copy_of": "2099-06-18"}
    assert owner.post(f"{API}shift-patterns/fill/", copied).json()["created"] == 1
    assert owner.patch(page, {"driver": None}).json()["driver"] is None
    assert phone.get(f"{API}me/").json().get("id") != anna


def test_whose_driver_a_member_is_is_never_taken_from_another(geneva, owner):
    anna, ben = make.driver(geneva, "Anna"), make.driver(geneva, "Ben")
    users = [make.member(geneva, Role.DRIVER) for _ in range(2)]
    first, second = (f"{API}members/{user.memberships.get().pk}/" for user in users)
    assert owner.patch(first, {"driver": anna.pk}).status_code == 200
    assert owner.patch(first, {"driver": ben.pk}).json()["driver"] == ben.pk
    assert not Driver.objects.filter(pk=anna.pk, user__isnull=False).exists()
    taken = owner.patch(second, {"driver": ben.pk})
    assert (taken.status_code, taken.json()["errors"][0]["field"]) == (400, "driver")
    # Who is no member any more holds nobody's place.
    assert owner.delete(first).status_code == 204
    assert owner.patch(second, {"driver": ben.pk}).json()["driver"] == ben.pk
    viewer = f"{API}members/{make.member(geneva, Role.VIEWER).memberships.get().pk}/"
    assert owner.patch(viewer, {"driver": anna.pk}).status_code == 400


def test_that_an_account_drives_elsewhere_is_not_said(geneva, owner):
    user = make.member(geneva, Role.DRIVER)
    lausanne = make.company("lausanne")
    make.driver(lausanne, "Anna", user=user)
    page = f"{API}members/{user.memberships.get().pk}/"
    assert owner.get(page).json()["driver"] is None
    refused = owner.patch(page, {"driver": make.driver(geneva).pk})
    assert refused.status_code == 400
    assert "compan" not in str(refused.json())
    assert Driver.objects.get(user=user).company == lausanne


def test_roles_are_changed_by_owners_and_one_owner_stays(geneva, owner):
    hospital = make.customer(geneva, "HUG")
    own = f"{API}members/{owner.user.memberships.get().pk}/"
    for refused in (owner.patch(own, {"role": "viewer"}), owner.delete(own)):
        assert (refused.status_code, refused.json()["type"]) == (400, URN + "invalid")
    user = make.member(geneva, Role.DISPATCHER)
    page = f"{API}members/{user.memberships.get().pk}/"
    caller(Role.DISPATCHER, geneva, user=user)
    assert owner.patch(page, {"role": "client_api"}).json()["errors"][0]["field"] == "customer"
    shown = owner.patch(page, {"role": "client_api", "customer": hospital.pk}).json()
    assert (shown["role"], shown["customer"]) == ("client_api", hospital.pk)
    foreign = make.customer(make.company("lausanne"))
    assert owner.patch(page, {"customer": foreign.pk}).status_code == 400
    assert owner.delete(page, HTTP_IF_MATCH='"stale"').status_code == 412
    assert owner.delete(page).status_code == 204
    assert not ApiToken.objects.filter(membership__user=user).exists()


def key_of(client):
    return client._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")


def with_key(client, key):
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


@pytest.mark.parametrize("role", list(Role))
def test_a_token_of_any_role_rotates_itself_before_it_ends(geneva, role):
    client = caller(role, geneva)
    old = ApiToken.objects.get(digest=digest(key_of(client)))
    made = client.post(f"{API}tokens/rotate/", {})
    assert made.status_code == 201, made.content
    new = ApiToken.objects.get(pk=made.json()["id"])
    assert (new.replaces, new.role, new.customer, new.membership, new.name) == (
        old,
        old.role,
        old.customer,
        old.membership,
        old.name,
    )
    assert new.expires_at - new.created_at == old.expires_at - old.created_at
    now = timezone.now()
    # The old one is good for the answer to be lost, then it ends.
    assert find_token(key_of(client), now=now + timedelta(minutes=4)) == old
    assert find_token(key_of(client), now=now + timedelta(minutes=6)) is None
    again = client.post(f"{API}tokens/rotate/", {"overlap_min": 1}).json()
    assert find_token(made.json()["key"], now=now) is None
    newest = ApiToken.objects.get(pk=again["id"])
    assert newest.expires_at - newest.created_at == old.expires_at - old.created_at
    # The successor is in use: who holds the old key gets no more of it.
    assert find_token(again["key"], now=now) is not None
    refused = client.post(f"{API}tokens/rotate/", {})
    assert (refused.status_code, refused.json()["type"]) == (409, URN + "token_over")
    assert with_key(client, again["key"]).post(f"{API}tokens/rotate/", {}).status_code == 201


def test_an_owner_rotates_a_token_and_the_old_one_ends_at_once(geneva, owner):
    user = make.member(geneva, Role.DRIVER)
    phone = caller(Role.DRIVER, geneva, user=user)
    token = ApiToken.objects.get(membership__user=user)
    page = f"{API}tokens/{token.pk}/"
    made = owner.post(f"{page}rotate/", {})
    assert (made.status_code, made.json()["role"]) == (201, "driver")
    assert made["Location"].endswith(f"{API}tokens/{made.json()['id']}/")
    assert phone.get(f"{API}me/").status_code == 401
    assert owner.get(page).json()["revoked_at"] is not None
    assert owner.post(f"{page}rotate/", {}).status_code == 409
    later = owner.post(f"{API}tokens/{made.json()['id']}/rotate/", {"overlap_min": 60}).json()
    assert find_token(made.json()["key"], now=timezone.now()) is not None
    assert later["replaces"] == made.json()["id"]
    for wrong in (-1, 1441, "5"):
        assert owner.post(f"{API}tokens/rotate/", {"overlap_min": wrong}).status_code == 400
    foreign = caller(Role.OWNER, make.company("lausanne"))
    assert foreign.post(f"{API}tokens/{later['id']}/rotate/", {}).status_code == 404


def test_a_rotation_grants_no_role_that_the_member_has_lost(geneva, owner):
    user = make.member(geneva, Role.DISPATCHER)
    caller(Role.DISPATCHER, geneva, user=user)
    token = ApiToken.objects.get(membership__user=user)
    Membership.objects.filter(user=user).update(role=Role.VIEWER)
    assert owner.post(f"{API}tokens/{token.pk}/rotate/", {}).status_code == 400
    assert ApiToken.objects.filter(membership__user=user).count() == 1


def test_what_a_token_was_rotated_to_ends_when_it_is_revoked(geneva, owner):
    client = caller(Role.DISPATCHER, geneva)
    old = ApiToken.objects.get(digest=digest(key_of(client)))
    taken = with_key(client, client.post(f"{API}tokens/rotate/", {}).json()["key"])
    newest = with_key(client, taken.post(f"{API}tokens/rotate/", {}).json()["key"])
    assert newest.get(f"{API}bookings/").status_code == 200
    other = caller(Role.DISPATCHER, geneva)
    assert owner.post(f"{API}tokens/{old.pk}/revoke/", {}).status_code == 200
    for one in (client, taken, newest):
        assert one.get(f"{API}bookings/").status_code == 401
    assert other.get(f"{API}bookings/").status_code == 200


@pytest.mark.parametrize("end", ["revoke", "rotate"])
def test_a_key_gets_nothing_more_once_an_owner_has_ended_its_successor(geneva, owner, end):
    client = caller(Role.DISPATCHER, geneva)
    successor = client.post(f"{API}tokens/rotate/", {}).json()
    body = {"overlap_min": 60} if end == "rotate" else {}
    assert owner.post(f"{API}tokens/{successor['id']}/{end}/", body).status_code in (200, 201)
    refused = client.post(f"{API}tokens/rotate/", {})
    assert (refused.status_code, refused.json()["type"]) == (409, URN + "token_over")


def test_a_token_that_has_ended_is_revoked_alone(geneva):
    client = caller(Role.DISPATCHER, geneva)
    old = ApiToken.objects.get(digest=digest(key_of(client)))
    key = client.post(f"{API}tokens/rotate/", {}).json()["key"]
    later = timezone.now() + timedelta(minutes=6)
    assert revoke_tokens(ApiToken.objects.filter(pk=old.pk), now=later) == 1
    assert find_token(key, now=later) is not None


def test_what_follows_from_a_token_ends_a_year_after_a_person_issued_it(geneva):
    client = caller(Role.OWNER, geneva)
    token = ApiToken.objects.get(digest=digest(key_of(client)))
    assert token.renewable_until - token.created_at == LONGEST
    ends_at = timezone.now() + timedelta(hours=5)
    ApiToken.objects.filter(pk=token.pk).update(renewable_until=ends_at, expires_at=ends_at)
    issued = client.post(f"{API}tokens/", {"name": "another", "days": 90}).json()
    rotated = client.post(f"{API}tokens/rotate/", {}).json()
    for one in (issued, rotated):
        made = ApiToken.objects.get(pk=one["id"])
        assert (made.expires_at, made.renewable_until) == (ends_at, ends_at)
        assert parse_datetime(one["renewable_until"]) == ends_at
    again = with_key(client, rotated["key"]).post(f"{API}tokens/{issued['id']}/rotate/", {}).json()
    assert parse_datetime(again["expires_at"]) == ends_at


def test_a_person_who_rotates_a_token_begins_anew(geneva, client):
    caller(Role.DRIVER, geneva)
    old = ApiToken.objects.get()
    ApiToken.objects.update(renewable_until=old.expires_at)
    client.force_login(make.member(geneva, Role.OWNER))
    made = client.post(f"{API}tokens/{old.pk}/rotate/", {}, content_type="application/json")
    new = ApiToken.objects.get(pk=made.json()["id"])
    assert new.renewable_until - new.created_at == LONGEST


def test_a_session_has_no_token_to_rotate(geneva, client):
    client.force_login(make.member(geneva, Role.OWNER))
    refused = client.post(f"{API}tokens/rotate/", {}, content_type="application/json")
    assert refused.status_code == 400


@pytest.mark.parametrize("clock", ["08:00Z", "08:00:00+02:00", "8:00", "24:00", "08:60", 800])
def test_a_local_time_has_no_offset_and_is_no_guess(geneva, owner, clock):
    pattern = {"driver": make.driver(geneva).pk, "weekday": 0, "start": clock, "end": "14:30"}
    refused = owner.post(f"{API}shift-patterns/", pattern)
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["field"]) == (400, "start")
    assert "without an offset" in error["detail"]
    made = owner.post(f"{API}shift-patterns/", pattern | {"start": "08:00"})
    assert (made.status_code, made.json()["start"]) == (201, "08:00:00")


def test_patterns_keep_to_their_company_and_say_what_is_wrong(geneva, owner):
    anna = make.driver(geneva, "Anna")
    foreign = make.vehicle(make.company("lausanne"))
    body = {"driver": anna.pk, "weekday": 0, "start": "06:00", "end": "14:00"}
    for wrong, field in (
        ({"vehicle": foreign.pk}, "vehicle"),
        ({"weekday": 7}, "weekday"),
        ({"start": "25:00"}, "start"),
        ({"break_min": 481}, "break_min"),
        ({"color": "red"}, "color"),
    ):
        refused = owner.post(f"{API}shift-patterns/", body | wrong)
        assert refused.status_code == 400, wrong
        assert refused.json()["errors"][0]["field"] == field
    page = f"{API}shift-patterns/{owner.post(f'{API}shift-patterns/', body).json()['id']}/"
    assert owner.post(f"{API}shift-patterns/", body).status_code == 400  # twice
    assert owner.patch(page, {"end": "15:00"}).json()["end"] == "15:00:00"
    assert owner.delete(page).status_code == 204
    assert not ShiftTemplate.objects.exists()
    theirs = make.driver(make.company("vevey"))
    filled = owner.post(
        f"{API}shift-patterns/fill/", {"week": "2099-06-17", "drivers": [theirs.pk]}
    )
    assert filled.json()["created"] == 0
    assert (
        owner.post(f"{API}shift-patterns/fill/", {"week": "2099-06-17", "weeks": 27}).status_code
        == 400
    )


def test_notes_of_a_client_are_the_companys_own(geneva, owner):
    hospital = make.customer(geneva, "HUG")
    portal = caller(Role.CLIENT_API, geneva, customer=hospital)
    made = portal.post(f"{API}clients/", {"name": "Rosa", "notes": "x"})
    assert (made.status_code, made.json()["errors"][0]["field"]) == (400, "notes")
    rosa = portal.post(f"{API}clients/", {"name": "Rosa"}).json()["id"]
    page = f"{API}clients/{rosa}/"
    told = owner.patch(page, {"notes": "Secret: shouts at drivers"})
    assert told.json()["notes"] == "Secret: shouts at drivers"
    for path in (page, f"{API}clients/", f"{page}?fields=id", f"{API}clients/?search=rosa"):
        shown = portal.get(path)
        assert shown.status_code == 200
        assert "Secret" not in shown.content.decode()
    assert portal.get(f"{page}?fields=notes").status_code == 400
    # In the log it is sealed, and a client system reads it nowhere.
    assert "Secret" not in portal.get(f"{API}events/?after=0").content.decode()


def test_saved_places_belong_to_the_customer_of_their_client(geneva, owner):
    hospital = make.customer(geneva, "HUG")
    portal = caller(Role.CLIENT_API, geneva, customer=hospital)
    rosa, other = make.client(geneva, "Rosa", customer=hospital), make.client(geneva, "Other")
    made = portal.post(f"{API}client-places/", {"client": rosa.pk, **WARD, "is_usual": True})
    assert made.status_code == 201, made.content
    page = f"{API}client-places/{made.json()['id']}/"
    unknown = portal.post(f"{API}client-places/", {"client": 10**9, **WARD}).json()
    foreign = portal.post(f"{API}client-places/", {"client": other.pk, **WARD}).json()
    assert unknown == foreign
    theirs = other.places.create(**WARD)
    assert portal.get(f"{API}client-places/{theirs.pk}/").status_code == 404
    assert [row["id"] for row in portal.get(f"{API}client-places/").json()["results"]] == [
        made.json()["id"]
    ]
    # A second usual place takes that from the first.
    home = WARD | {"label": "Home", "client": rosa.pk, "is_usual": True}
    assert portal.post(f"{API}client-places/", home).status_code == 201
    assert SavedPlace.objects.get(client=rosa, is_usual=True).label == "Home"
    assert portal.patch(page, {"is_usual": True}).json()["is_usual"] is True
    assert SavedPlace.objects.get(client=rosa, is_usual=True).label == "Ward"
    assert portal.patch(page, {"client": other.pk}).status_code == 400
    assert owner.patch(page, {"client": other.pk}).json()["errors"][0]["code"] == "fixed"
    far = WARD | {"client": rosa.pk, "label": "Far", "lat": 6.1, "lon": 46.2}
    assert owner.post(f"{API}client-places/", far).json()["errors"][0]["code"] == "far_away"
    before = Reading.objects.count()
    assert portal.get(page).status_code == 200
    assert Reading.objects.count() == before + 1
    assert portal.delete(page).status_code == 204


def test_a_driver_is_forbidden_past_the_guards(geneva):
    dispatcher, anna = caller(Role.DISPATCHER, geneva), duty("Anna")
    rosa = make.client(geneva, "Rosa")
    booking = make.booking(geneva, client=rosa, scheduled_time=tomorrow("10:00"))
    dispatcher.post(f"{API}bookings/{booking.pk}/assign/", {"driver": anna.id})
    trip = Assignment.objects.get(booking=booking)
    body = {"client": rosa.pk, "driver": anna.pk, "kind": "forbidden"}
    refused = dispatcher.post(f"{API}driver-preferences/", body)
    assert (refused.status_code, refused.json()["type"]) == (409, URN + "trips_broken")
    assert not DriverPreference.objects.exists()
    made = dispatcher.post(f"{API}driver-preferences/", body | {"kind": "preferred"})
    page = f"{API}driver-preferences/{made.json()['id']}/"
    assert dispatcher.patch(page, {"kind": "forbidden"}).status_code == 409
    assert DriverPreference.objects.get().kind == "preferred"
    done = dispatcher.patch(f"{page}?release={trip.pk}", {"kind": "forbidden"})
    assert (done.status_code, done.json()["kind"]) == (200, "forbidden")
    trip.refresh_from_db()
    assert trip.status not in ("planned", "en_route")
    assert dispatcher.delete(page).status_code == 204
    assert caller(Role.CLIENT_API, geneva).get(f"{API}driver-preferences/").status_code == 403


def test_a_client_is_not_made_twice_with_notes(geneva, owner):
    body = {"name": "Rosa", "notes": "2nd floor"}
    assert owner.post(f"{API}clients/", body).status_code == 201
    assert owner.post(f"{API}clients/", body).status_code == 200
    assert Client.objects.get().notes == "2nd floor"
