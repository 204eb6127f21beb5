"""Add, change and remove members of a company, each in one transaction.

A company that has an owner always keeps one. Only an owner or a superuser may change members; an
owner invites new ones (`drivers/logins/invitations.py`), only a superuser adds an account by name.
A staff role gives the user access to the admin; losing the last one removes it.
"""

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from drivers.companies.roles import STAFF_ROLES
from drivers.models import Company, Customer, Driver, Invitation, Membership, Role
from drivers.models.invitations import WAITING
from drivers.refused import Refused


class MembersRefused(Refused):
    """A member cannot be added, changed or removed."""

    code = "invalid"
    status = 400

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


def add_member(
    company: Company, username: str, role: Role, *, by: User, customer: Customer | None = None
) -> tuple[Membership, str | None]:
    """Make a user a member and create the user if necessary: at most 6 statements.

    A client system acts for the `customer`.
    Returns the membership and the password of a new user, or None for an existing user.
    Raises MembersRefused, of anybody but a superuser too: others would learn which accounts exist.
    """
    if not by.is_superuser:
        raise MembersRefused(_("Invite the person by e-mail: who accepts it becomes a member."))
    with transaction.atomic():
        lock_members(company, by)
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
        customer = customer_of_member(company, role, customer)
        membership = Membership.objects.create(
            user=user, company=company, role=role, customer=customer
        )
        set_staff_access(user)
    return membership, password


def change_role(
    membership: Membership, role: Role, *, by: User, customer: Customer | None = None
) -> None:
    """Change the role of a member: at most 8 statements. Raises MembersRefused.

    The tokens of a customer end with the change to another one.
    """
    with transaction.atomic():
        if role != Role.OWNER:
            _withdraw_invitations(membership)
        lock_members(membership.company, by)
        if role != Role.OWNER:
            _keep_an_owner(membership)
        customer = customer_of_member(membership.company, role, customer)
        Membership.objects.filter(pk=membership.pk).update(role=role, customer=customer)
        membership.role, membership.customer = role, customer
        set_staff_access(membership.user)


def remove_member(membership: Membership, *, by: User) -> None:
    """Delete a membership and its tokens: at most 9 statements. Raises MembersRefused."""
    with transaction.atomic():
        _withdraw_invitations(membership)
        lock_members(membership.company, by)
        _keep_an_owner(membership)
        user = membership.user
        membership.delete()
        set_staff_access(user)


def link_driver(membership: Membership, driver: Driver | None) -> None:
    """Say which driver of the company a member is, or none: at most 5 statements.

    The caller has locked the members. Whoever was this driver before, and is still a member, must
    be let go first. Raises MembersRefused, which ends the caller's transaction.
    """
    company = membership.company
    own = Driver.objects.filter(company=company, user=membership.user_id)
    if driver is None:
        own.update(user=None)
        return
    if membership.role != Role.DRIVER:
        raise MembersRefused(_("Only a member with the role driver can be a driver."), "driver")
    drives = Driver.objects.select_for_update(no_key=True).get(pk=driver.pk, company=company)
    if drives.user_id == membership.user_id:
        return
    require_let_go(drives)
    own.update(user=None)
    if Driver.objects.filter(user=membership.user_id).exists():
        # A driver of another company, which is not said.
        raise MembersRefused(
            _("This account cannot be a driver here. Invite another address of the person."),
            "driver",
        )
    Driver.objects.filter(pk=driver.pk).update(user=membership.user_id)


def require_let_go(driver: Driver) -> None:
    """Raise MembersRefused if a member of the company is this driver: 1 statement, or none."""
    members = Membership.objects.filter(company=driver.company_id, user=driver.user_id)
    if driver.user_id is not None and members.exists():
        raise MembersRefused(_("Another member is this driver: let that one go first."), "driver")


def customer_of_member(company: Company, role: Role, customer: Customer | None) -> Customer | None:
    """Return the customer of a member of this role; it is a client system that has one."""
    if role != Role.CLIENT_API:
        return None
    if customer is None:
        raise MembersRefused(_("Choose the customer for whom this client system acts."), "customer")
    if customer.company_id != company.pk:
        raise MembersRefused(_("This customer belongs to another company."), "customer")
    return customer


def lock_members(company: Company, by: User) -> None:
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


def _withdraw_invitations(membership: Membership) -> None:
    """Withdraw what an owner who is one no more invited to: it could be the way back in.

    Before the company is locked, as everywhere: invitations, then their company.
    """
    Invitation.objects.filter(
        WAITING, company=membership.company_id, invited_by=membership.user_id
    ).update(revoked_at=Now())


def set_staff_access(user: User) -> None:
    """Give the user access to the admin if a membership has a staff role; superusers keep it."""
    if user.is_superuser:
        return
    wanted = user.memberships.filter(role__in=sorted(STAFF_ROLES)).exists()
    if user.is_staff != wanted:
        user.is_staff = wanted
        user.save(update_fields=["is_staff"])
