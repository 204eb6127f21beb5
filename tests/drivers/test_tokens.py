"""Keys of the API: hashed, expiring, revocable, for one company in one role."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from drivers.companies.tokens import TokenRefused, find_token, issue_token, revoke_tokens
from drivers.models import ApiToken, Customer, Role
from tests.support import builders as make
from tests.support.callers import API, caller

pytestmark = pytest.mark.django_db
NOW = make.NOW


def issue(member=Role.DISPATCHER, **options):
    membership = make.member(role=member).memberships.get()
    return issue_token(membership, name="Portal", now=NOW, **options)


def test_a_key_is_found_by_its_hash_and_stored_nowhere(django_assert_num_queries):
    token, key = issue()
    with django_assert_num_queries(2):  # the second notes the use
        find_token(key, now=NOW)
    with django_assert_num_queries(1):
        found = find_token(key, now=NOW)
        assert (found, found.membership.company.slug) == (token, "geneva")
    row = ApiToken.objects.values().get()
    assert key not in str(row)
    assert key[-4:] == row["ending"]


def test_a_key_ends_when_it_expires_or_is_revoked():
    token, key = issue(lifetime=timedelta(days=1))
    assert find_token(key, now=NOW + timedelta(days=1)) is None
    assert find_token(key, now=NOW + timedelta(hours=23))
    mine = ApiToken.objects.filter(pk=token.pk)
    assert revoke_tokens(mine, now=NOW) == 1
    assert revoke_tokens(mine, now=NOW) == 0
    assert find_token(key, now=NOW) is None


def test_a_key_ends_with_the_membership_and_with_the_role():
    token, key = issue(Role.OWNER)
    membership = token.membership
    membership.role = Role.VIEWER
    membership.save()
    assert find_token(key, now=NOW) is None
    membership.delete()
    assert not ApiToken.objects.exists()


def test_a_key_of_somebody_who_left_is_worth_nothing():
    token, key = issue()
    token.membership.user.is_active = False
    token.membership.user.save()
    assert find_token(key, now=NOW) is None


@pytest.mark.parametrize(
    ("member", "token", "is_possible"),
    [
        ("owner", "viewer", True),
        ("owner", "client_api", True),
        ("dispatcher", "owner", False),
        ("viewer", "dispatcher", False),
        ("client_api", "viewer", False),
        ("driver", "driver", True),
    ],
)
def test_a_token_is_never_more_than_its_member(member, token, is_possible):
    if is_possible:
        company = make.company()
        owner = company.default_customer if token == "client_api" else None
        assert issue(Role(member), role=Role(token), customer=owner)[0].role == token
    else:
        with pytest.raises(TokenRefused):
            issue(Role(member), role=Role(token))


def test_no_token_lives_for_ever():
    for lifetime in (timedelta(0), timedelta(days=367)):
        with pytest.raises(TokenRefused):
            issue(lifetime=lifetime)


def test_an_owner_issues_a_key_that_works_until_it_is_revoked():
    owner = caller(Role.OWNER)
    customer = Customer.objects.get().pk
    wanted = {"name": "Portal", "role": "client_api", "customer": customer, "days": 30}
    made = owner.post(f"{API}tokens/", wanted)
    assert made.status_code == 201, made.content
    portal = APIClient(headers={"authorization": f"Bearer {made.json()['key']}"})
    assert portal.get(f"{API}bookings/").status_code == 200
    assert portal.get(f"{API}drivers/").status_code == 403
    assert "key" not in owner.get(f"{API}tokens/{made.json()['id']}/").json()
    assert owner.post(f"{API}tokens/{made.json()['id']}/revoke/").json()["revoked_at"]
    assert portal.get(f"{API}bookings/").status_code == 401


def test_a_session_works_too_and_names_its_company_where_there_are_two():
    user = make.member()
    browser = APIClient()
    browser.force_login(user)
    assert browser.get(f"{API}companies/").json()["results"][0]["slug"] == "geneva"
    make.Membership.objects.create(user=user, company=make.company("lausanne"), role=Role.VIEWER)
    unclear = browser.get(f"{API}companies/")
    assert (unclear.status_code, unclear.json()["errors"][0]["field"]) == (400, "X-Company")
    chosen = browser.get(f"{API}companies/", HTTP_X_COMPANY="lausanne")
    assert chosen.json()["results"][0]["slug"] == "lausanne"
    assert browser.get(f"{API}companies/", HTTP_X_COMPANY="bern").status_code == 404


def test_a_session_cannot_be_used_from_a_foreign_page():
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(make.member())
    assert browser.post(f"{API}bookings/", {}).status_code == 403


def test_a_superuser_says_which_company():
    browser = APIClient()
    browser.force_login(make.get_user_model().objects.create_superuser("root"))
    make.company()
    assert browser.get(f"{API}companies/").status_code == 400
    assert browser.get(f"{API}companies/", HTTP_X_COMPANY="geneva").status_code == 200


def create_token(*options):
    out = StringIO()
    call_command("create_token", "--company", "geneva", *options, stdout=out)
    return out.getvalue()


def test_the_first_key_comes_from_the_command_and_nothing_else_is_printed():
    make.member(role=Role.OWNER, username="ada")
    key = create_token("--user", "ada", "--role", "viewer", "--days", "1", "--name", "CI").strip()
    token = find_token(key, now=timezone.now())
    assert (token.role, token.name, token.membership.user.username) == ("viewer", "CI", "ada")
    assert token.expires_at - token.created_at == timedelta(days=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--user", "bob"], "no member “bob”. Known: ada."),
        (["--user", "ada", "--role", "owner"], "A member with the role viewer cannot"),
        (["--user", "ada", "--days", "0"], "--days must be a number from 1 to 366"),
        (["--user", "ada", "--name", ""], "--name must have 1 to 100 characters"),
    ],
)
def test_the_command_says_what_would_be_right(options, message):
    make.member(role=Role.VIEWER, username="ada")
    with pytest.raises((CommandError, TokenRefused), match=message):
        create_token(*options)
    assert not ApiToken.objects.exists()


def test_the_use_of_a_key_is_noted_to_the_hour():
    token, key = issue()
    for minutes, noted in ((0, 0), (59, 0), (60, 60)):
        find_token(key, now=NOW + timedelta(minutes=minutes))
        token.refresh_from_db()
        assert token.last_used_at == NOW + timedelta(minutes=noted)
