"""Who belongs to a company, and who decides it."""

import pytest
from django.contrib.auth import get_user_model

from drivers.companies.members import MembersRefused, add_member, change_role, remove_member
from drivers.models import Membership, Role
from tests.support import builders as make

pytestmark = pytest.mark.django_db


def owner(company=None):
    return make.member(company, Role.OWNER)


def test_a_new_member_gets_a_password_that_is_shown_once():
    company, by = make.company(), None
    by = owner(company)
    membership, password = add_member(company, "anna", Role.DISPATCHER, by=by)
    user = get_user_model().objects.get(username="anna")
    assert (membership.user, membership.role, user.is_staff) == (user, "dispatcher", True)
    assert user.check_password(password)
    assert not user.is_superuser


def test_a_known_user_keeps_the_password_and_is_a_member_once():
    by = owner()
    other = make.member(make.company("other"), Role.DRIVER, is_staff=False)
    company = by.memberships.get().company
    _membership, password = add_member(company, other.username, Role.VIEWER, by=by)
    assert password is None
    with pytest.raises(MembersRefused, match="already a member"):
        add_member(company, other.username, Role.OWNER, by=by)


def test_a_name_that_cannot_be_is_refused():
    by = owner()
    with pytest.raises(MembersRefused) as caught:
        add_member(by.memberships.get().company, "a b", Role.VIEWER, by=by)
    assert caught.value.field == "username"


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.VIEWER, Role.DRIVER, Role.CLIENT_API])
def test_nobody_but_an_owner_changes_members(role):
    company = make.company()
    owner(company)
    by = make.member(company, role)
    own = by.memberships.get()
    for attempt in (
        lambda: add_member(company, "friend", Role.VIEWER, by=by),
        lambda: change_role(own, Role.OWNER, by=by),
        lambda: remove_member(own, by=by),
        lambda: add_member(company, "x", Role.OWNER, by=owner(make.company("other"))),
    ):
        with pytest.raises(MembersRefused, match="Only an owner"):
            attempt()
        get_user_model().objects.filter(memberships__company__slug="other").delete()
        make.Company.objects.filter(slug="other").delete()
    own.refresh_from_db()
    assert own.role == role


def test_the_last_owner_stays_one():
    by = owner()
    own = by.memberships.get()
    for attempt in (
        lambda: change_role(own, Role.VIEWER, by=by),
        lambda: remove_member(own, by=by),
    ):
        with pytest.raises(MembersRefused, match="needs an owner"):
            attempt()
    second = owner(own.company)
    change_role(own, Role.VIEWER, by=by)
    assert Membership.objects.get(role=Role.OWNER).user == second


def test_the_door_to_the_admin_follows_the_roles():
    by = owner()
    company = by.memberships.get().company
    membership, _password = add_member(company, "anna", Role.DRIVER, by=by)
    assert not membership.user.is_staff
    change_role(membership, Role.VIEWER, by=by)
    assert get_user_model().objects.get(username="anna").is_staff
    remove_member(membership, by=by)
    assert not get_user_model().objects.get(username="anna").is_staff


def test_a_superuser_stays_in():
    by = owner()
    boss = get_user_model().objects.create_superuser("boss")
    membership, _password = add_member(by.memberships.get().company, "boss", Role.VIEWER, by=by)
    remove_member(membership, by=boss)
    assert get_user_model().objects.get(username="boss").is_staff
