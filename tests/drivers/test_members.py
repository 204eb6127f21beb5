"""Who belongs to a company, and who decides it."""

import pytest
from django.contrib.auth import get_user_model

from drivers.companies.members import MembersRefused, add_member, change_role, remove_member
from drivers.models import Membership, Role
from tests.support import builders as make

pytestmark = pytest.mark.django_db


def owner(company=None):
    return make.member(company, Role.OWNER)


def operator(company):
    """Return who runs the server: only they add an account by its name."""
    return make.member(company, Role.OWNER, is_superuser=True)


def test_a_new_member_gets_a_password_that_is_shown_once():
    company = make.company()
    by = operator(company)
    membership, password = add_member(company, "anna", Role.DISPATCHER, by=by)
    user = get_user_model().objects.get(username="anna")
    assert (membership.user, membership.role, user.is_staff) == (user, "dispatcher", True)
    assert user.check_password(password)
    assert not user.is_superuser


def test_a_known_user_keeps_the_password_and_is_a_member_once():
    company = make.company()
    by = operator(company)
    other = make.member(make.company("other"), Role.DRIVER, is_staff=False)
    _membership, password = add_member(company, other.username, Role.VIEWER, by=by)
    assert password is None
    with pytest.raises(MembersRefused, match="already a member"):
        add_member(company, other.username, Role.OWNER, by=by)


def test_a_name_that_cannot_be_is_refused():
    by = operator(make.company())
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
        lambda: change_role(own, Role.OWNER, by=by),
        lambda: remove_member(own, by=by),
        lambda: change_role(own, Role.OWNER, by=owner(make.company("other"))),
    ):
        with pytest.raises(MembersRefused, match="Only an owner"):
            attempt()
        get_user_model().objects.filter(memberships__company__slug="other").delete()
        make.Company.objects.filter(slug="other").delete()
    own.refresh_from_db()
    assert own.role == role


def test_an_owner_adds_no_account_by_its_name_and_learns_of_none():
    by, stranger = owner(), make.member(make.company("other"))
    company = by.memberships.get().company
    answers = set()
    for name in (stranger.username, "nobody", "a b"):
        with pytest.raises(MembersRefused) as caught:
            add_member(company, name, Role.VIEWER, by=by)
        answers.add(str(caught.value))
    assert answers == {"Invite the person by e-mail: who accepts it becomes a member."}
    assert company.memberships.count() == 1


def test_what_an_owner_invited_to_ends_with_the_ownership():
    by, other = owner(), owner()
    company = by.memberships.get().company
    mine = make.invitation(company, invited_by=by)
    theirs = make.invitation(company, invited_by=other)
    change_role(by.memberships.get(), Role.VIEWER, by=other)
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert mine.revoked_at is not None
    assert theirs.revoked_at is None


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
    company = make.company()
    by = operator(company)
    membership, _password = add_member(company, "anna", Role.DRIVER, by=by)
    assert not membership.user.is_staff
    change_role(membership, Role.VIEWER, by=by)
    assert get_user_model().objects.get(username="anna").is_staff
    remove_member(membership, by=by)
    assert not get_user_model().objects.get(username="anna").is_staff


def test_a_superuser_stays_in():
    boss = get_user_model().objects.create_superuser("boss")
    membership, _password = add_member(make.company(), "boss", Role.VIEWER, by=boss)
    remove_member(membership, by=boss)
    assert get_user_model().objects.get(username="boss").is_staff
