"""Add, change and remove members of a company, each in one transaction.

A company that has an owner always keeps one. Only an owner or a superuser may change members.
A staff role gives the user access to the admin; losing the last one removes it.
"""

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from drivers.companies.roles import STAFF_ROLES
from drivers.models import Company, Membership, Role
from drivers.refused import Refused


class MembersRefused(Refused):
    """A member cannot be added, changed or removed."""

    code = "invalid"
    status = 400

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


def add_member(
    company: Company, username: str, role: Role, *, by: User
) -> tuple[Membership, str | None]:
    """Make a user a member and create the user if necessary: at most 6 statements.

    Returns the membership and the password of a new user, or None for an existing user.
    Raises MembersRefused.
    """
    with transaction.atomic():
        _lock(company, by)
        users = get_user_model()
        user = users.objects.filter(username=username).first()
        password = None
        if user is None:
            user, password = users(username=username), secrets.token_urlsafe(12)
            user.set_password(password)
            try:
                user.full_clean()
            except ValidationError as error:
                raise MembersRefused(" ".join(error.messages), "username") from error
            user.save()
        elif user.memberships.filter(company=company).exists():
            raise MembersRefused(_("%(user)s is already a member.") % {"user": user}, "username")
        membership = Membership.objects.create(user=user, company=company, role=role)
        _set_staff_access(user)
    return membership, password


def change_role(membership: Membership, role: Role, *, by: User) -> None:
    """Change the role of a member: at most 6 statements. Raises MembersRefused."""
    with transaction.atomic():
        _lock(membership.company, by)
        if role != Role.OWNER:
            _keep_an_owner(membership)
        Membership.objects.filter(pk=membership.pk).update(role=role)
        membership.role = role
        _set_staff_access(membership.user)


def remove_member(membership: Membership, *, by: User) -> None:
    """Delete a membership and its tokens: at most 8 statements. Raises MembersRefused."""
    with transaction.atomic():
        _lock(membership.company, by)
        _keep_an_owner(membership)
        user = membership.user
        membership.delete()
        _set_staff_access(user)


def _lock(company: Company, by: User) -> None:
    """Lock the company's members. Raises MembersRefused if `by` may not change them."""
    Company.objects.select_for_update(no_key=True).get(pk=company.pk)
    owners = Membership.objects.filter(company=company, role=Role.OWNER)
    if not (by.is_superuser or owners.filter(user=by).exists()):
        raise MembersRefused(_("Only an owner of the company can change its members."))


def _keep_an_owner(membership: Membership) -> None:
    others = Membership.objects.filter(company=membership.company, role=Role.OWNER)
    was = Membership.objects.filter(pk=membership.pk).values_list("role", flat=True).first()
    if was == Role.OWNER and not others.exclude(pk=membership.pk).exists():
        raise MembersRefused(
            _("The company needs an owner: make someone else an owner first."), "role"
        )


def _set_staff_access(user: User) -> None:
    """Give the user access to the admin if a membership has a staff role; superusers keep it."""
    if user.is_superuser:
        return
    wanted = user.memberships.filter(role__in=sorted(STAFF_ROLES)).exists()
    if user.is_staff != wanted:
        user.is_staff = wanted
        user.save(update_fields=["is_staff"])
