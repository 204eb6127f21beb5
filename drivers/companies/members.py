"""Who belongs to a company, as its owners decide: each use-case one transaction.

A company that has an owner keeps one. Nobody but an owner, or a superuser, changes members; a
role in the staff opens the admin's door to the user, and the end of the last one closes it.
"""

import secrets

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from drivers.companies.roles import STAFF_ROLES
from drivers.models import Company, Membership, Role


class MembersRefused(ValidationError):
    """This member cannot be added, changed or removed so; `message_dict` names the field."""


def add_member(company: Company, username: str, role: Role, *, by) -> tuple[Membership, str | None]:
    """Make a user a member; one who does not exist yet is created. At most 6 statements.

    Returns the new user's password, which cannot be read again, or None for a known user.
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
                raise MembersRefused({"username": error.messages}) from error
            user.save()
        elif user.memberships.filter(company=company).exists():
            raise MembersRefused({"username": _("%(user)s is already a member.") % {"user": user}})
        membership = Membership.objects.create(user=user, company=company, role=role)
        _open_door(user)
    return membership, password


def change_role(membership: Membership, role: Role, *, by) -> None:
    """Give a member another role: at most 6 statements. Raises MembersRefused."""
    with transaction.atomic():
        _lock(membership.company, by)
        if role != Role.OWNER:
            _keep_an_owner(membership)
        Membership.objects.filter(pk=membership.pk).update(role=role)
        membership.role = role
        _open_door(membership.user)


def remove_member(membership: Membership, *, by) -> None:
    """End a membership, and with it its tokens: at most 8 statements. Raises MembersRefused."""
    with transaction.atomic():
        _lock(membership.company, by)
        _keep_an_owner(membership)
        user = membership.user
        membership.delete()
        _open_door(user)


def _lock(company, by):
    """Let the company's members be changed by one at a time, and only by who may."""
    Company.objects.select_for_update(no_key=True).get(pk=company.pk)
    owners = Membership.objects.filter(company=company, role=Role.OWNER)
    if not (by.is_superuser or owners.filter(user=by).exists()):
        raise MembersRefused(_("Only an owner of the company can change its members."))


def _keep_an_owner(membership):
    others = Membership.objects.filter(company=membership.company, role=Role.OWNER)
    was = Membership.objects.filter(pk=membership.pk).values_list("role", flat=True).first()
    if was == Role.OWNER and not others.exclude(pk=membership.pk).exists():
        raise MembersRefused(
            {"role": _("The company needs an owner: make someone else an owner first.")}
        )


def _open_door(user):
    """Let the user into the admin while a role in the staff says so. Superusers stay in."""
    if user.is_superuser:
        return
    wanted = user.memberships.filter(role__in=sorted(STAFF_ROLES)).exists()
    if user.is_staff != wanted:
        user.is_staff = wanted
        user.save(update_fields=["is_staff"])
