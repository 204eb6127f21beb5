"""Members and tokens in the admin: for owners alone."""

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone

from drivers.companies.tokens import find_token
from drivers.models import ApiToken, Membership, Role
from tests.support import builders as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return make.company()


@pytest.fixture
def owner(client, company):
    user = make.member(company, Role.OWNER)
    client.force_login(user)
    return user


def add(client, **form):
    return client.post(reverse("admin:drivers_membership_add"), form)


def page(membership, name="change"):
    return reverse(f"admin:drivers_membership_{name}", args=[membership.pk])


def test_who_runs_the_server_adds_somebody_and_sees_the_password_once(
    client, admin_client, company
):
    client = admin_client
    response = add(client, company=company.pk, username="anna", role="dispatcher")
    password = response.context["secret"]
    assert "no-store" in response["Cache-Control"]
    assert get_user_model().objects.get(username="anna").check_password(password)
    assert Membership.objects.get(user__username="anna").role == "dispatcher"


def test_an_owner_adds_nobody_by_name(client, owner, company):
    other = make.company("other")
    assert add(client, company=company.pk, username="anna", role="viewer").status_code == 403
    assert add(client, company=other.pk, username="anna", role="owner").status_code == 403
    assert not get_user_model().objects.filter(username="anna").exists()
    assert not Membership.objects.filter(company=other).exists()


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.VIEWER])
def test_others_see_no_members_and_make_none(client, company, role):
    user = make.member(company, role)
    client.force_login(user)
    own = user.memberships.get()
    assert client.get(reverse("admin:drivers_membership_changelist")).status_code == 403
    assert client.post(page(own), {"role": "owner"}).status_code in (302, 403)
    assert add(client, company=company.pk, username="x", role="owner").status_code == 403
    own.refresh_from_db()
    assert own.role == role


def test_the_last_owner_stays(client, owner):
    own = owner.memberships.get()
    changed = client.post(page(own), {"role": "viewer"})
    removed = client.post(page(own, "delete"), {"post": "yes"})
    assert Membership.objects.get().role == "owner"
    assert "needs an owner" in changed.context["adminform"].form.errors["role"][0]
    assert "needs an owner" in removed.content.decode()
    assert changed.status_code == removed.status_code == 400


def test_an_owner_changes_and_removes_others(client, owner, company):
    other = make.member(company).memberships.get()
    assert client.post(page(other), {"role": "viewer"}).status_code == 302
    other.refresh_from_db()
    assert other.role == "viewer"
    client.post(page(other, "delete"), {"post": "yes"})
    assert Membership.objects.get().user == owner
    assert not other.user.__class__.objects.get(pk=other.user_id).is_staff


def token_form(member, **fields):
    return {"membership": member.pk, "name": "Portal", "role": "", "days": 30} | fields


def test_a_token_is_shown_once_and_can_be_revoked(client, owner, company):
    member = make.member(company).memberships.get()
    response = client.post(reverse("admin:drivers_apitoken_add"), token_form(member))
    key = response.context["secret"]
    token = find_token(key, now=timezone.now())
    assert (token.membership, token.role) == (member, "dispatcher")
    listed = client.get(reverse("admin:drivers_apitoken_changelist")).content.decode()
    assert key not in listed
    assert token.ending in listed
    action = {"action": "revoke", "_selected_action": [token.pk]}
    client.post(reverse("admin:drivers_apitoken_changelist"), action)
    assert find_token(key, now=timezone.now()) is None


def test_a_token_never_may_more_than_its_member(client, owner, company):
    member = make.member(company, Role.VIEWER).memberships.get()
    form = token_form(member, role="owner")
    response = client.post(reverse("admin:drivers_apitoken_add"), form)
    assert response.status_code == 400
    assert "role" in response.context["adminform"].form.errors
    assert not ApiToken.objects.exists()


def test_no_token_for_a_member_of_others(client, owner):
    theirs = make.member(make.company("other")).memberships.get()
    response = client.post(reverse("admin:drivers_apitoken_add"), token_form(theirs))
    assert "membership" in response.context["adminform"].form.errors
    assert not ApiToken.objects.exists()


def test_tokens_are_the_owners_business(client, company):
    client.force_login(make.member(company))
    assert client.get(reverse("admin:drivers_apitoken_changelist")).status_code == 403
    assert client.get(reverse("admin:drivers_apitoken_add")).status_code == 403
