"""Invite people into a company: nobody becomes a member who did not accept it.

The link has a key of 256 random bits, of which only the SHA-256 is stored. It is good for one
acceptance and for `VALID_FOR`; sent again, it has a new key and the old one ends. Without a mail
server who invites gets the link once, to hand it over.

Whether an address has an account is told to nobody: neither when it is invited, nor on the page
behind the link (`accept_as_new`).
"""

import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from drivers.companies.members import (
    MembersRefused,
    customer_of_member,
    lock_members,
    set_staff_access,
)
from drivers.companies.tokens import digest
from drivers.logins.mail import send_apart
from drivers.models import Company, Customer, Invitation, Membership, Role
from drivers.models.invitations import WAITING
from drivers.refused import Refused

VALID_FOR = timedelta(days=7)
MOST_WAITING = 500  # of a company at once


class InvitationOver(Refused):
    """The invitation was accepted or withdrawn, or has ended."""

    code = "invitation_over"
    status = 409


def invite(
    company: Company,
    email: str,
    role: Role,
    *,
    by: User,
    now: datetime,
    customer: Customer | None = None,
) -> tuple[Invitation, str]:
    """Invite an address and return the invitation with its key: at most 6 statements.

    One that ended before is withdrawn. A client system acts for the `customer`.
    Raises MembersRefused.
    """
    email = email.strip().lower()
    with transaction.atomic():
        waiting = Invitation.objects.filter(WAITING, company=company)
        waiting.filter(expires_at__lte=now).update(revoked_at=now)
        lock_members(company, by)
        customer = customer_of_member(company, role, customer)
        if waiting.count() >= MOST_WAITING:
            raise MembersRefused(
                _("At most %(most)d invitations wait at once. Withdraw some first.")
                % {"most": MOST_WAITING}
            )
        if waiting.filter(email=email).exists():
            raise MembersRefused(
                _("This address is invited already. Send that invitation again."), "email"
            )
        key = _new_key()
        invitation = Invitation.objects.create(
            company=company,
            email=email,
            role=role,
            customer=customer,
            digest=digest(key),
            invited_by=by,
            created_at=now,
            sent_at=now,
            expires_at=now + VALID_FOR,
        )
    return invitation, key


def renew(
    company: Company, ids: Collection[int], *, by: User, now: datetime
) -> list[tuple[Invitation, str]]:
    """Give invitations new keys and a new end, and return them with their keys: 4 statements.

    The links that were sent before end. Raises MembersRefused and InvitationOver.
    """
    with transaction.atomic():
        rows = _waiting(company, ids, by)
        renewed = [(row, _new_key()) for row in rows]
        for row, key in renewed:
            row.digest, row.sent_at, row.expires_at = digest(key), now, now + VALID_FOR
            row.invited_by, row.company = by, company
        fields = ["digest", "sent_at", "expires_at", "invited_by"]
        Invitation.objects.bulk_update(rows, fields)
    return renewed


def withdraw(company: Company, ids: Collection[int], *, by: User, now: datetime) -> int:
    """End invitations that wait, return how many: 4 statements.

    Raises MembersRefused and InvitationOver.
    """
    with transaction.atomic():
        rows = _waiting(company, ids, by)
        return Invitation.objects.filter(pk__in=[row.pk for row in rows]).update(revoked_at=now)


def _waiting(company: Company, ids: Collection[int], by: User) -> list[Invitation]:
    """Return the invitations, locked before their company. Raises InvitationOver if one is over."""
    rows = Invitation.objects.filter(WAITING, company=company, pk__in=ids)
    found = list(rows.select_for_update(no_key=True).order_by("pk"))
    lock_members(company, by)
    if len(found) < len(set(ids)):
        raise InvitationOver(
            _("An invitation was accepted or withdrawn already. Invite the person anew.")
        )
    return found


def send(invitation: Invitation, link: str, *, by: User) -> bool:
    """Mail the link once the transaction is written; return False without a mail server."""
    if not settings.SENDS_MAIL:
        return False
    subject = _("Invitation of %(company)s") % {"company": invitation.company.name}
    text = _(
        "%(by)s invites you to work for %(company)s, as %(role)s. This link lets you accept it, "
        "once, until %(end)s:"
    ) % {
        "by": by.get_full_name() or by.get_username(),
        "company": invitation.company.name,
        "role": invitation.get_role_display(),
        "end": date_format(timezone.localtime(invitation.expires_at), "DATETIME_FORMAT"),
    }
    rest = _("If you do not want it, nothing has to be done: nobody joins without accepting.")
    mail = (subject, f"{text}\n\n{link}\n\n{rest}\n", [invitation.email])
    transaction.on_commit(lambda: send_apart(lambda: [mail]))
    return True


def find_invitation(key: str) -> Invitation | None:
    """Return the invitation of a key with its company, open or over, or None: 1 statement."""
    rows = Invitation.objects.select_related("company", "customer")
    return rows.filter(digest=digest(key)).first() if key.isascii() else None


def accept(key: str, user: User, *, now: datetime) -> Membership:
    """Begin the membership of a user who is logged in: at most 7 statements.

    Raises InvitationOver, and MembersRefused of who is a member already: then it stays open.
    """
    with transaction.atomic():
        return _accept(_locked(key, now), user, now)


def accept_as_new(key: str, password: str, *, now: datetime) -> str:
    """Make an account of the invited address and begin its membership: at most 9 statements.

    Returns the user name, which is the address. If there is such an account, nothing is changed:
    whoever has it logs in and accepts. That is answered the same, so that a link tells nobody
    which accounts there are. Raises InvitationOver.
    """
    encoded = make_password(password)  # always, for the answer must take as long
    with transaction.atomic():
        invitation = _locked(key, now)
        name = username_of(invitation)
        if not User.objects.filter(username__iexact=name).exists():
            user = User(username=name, email=invitation.email, password=encoded)
            user.full_clean()
            user.save(force_insert=True)
            _accept(invitation, user, now)
    return name


def username_of(invitation: Invitation) -> str:
    """Return the user name of an account that the invitation makes: its address."""
    return re.sub(r"[^\w.@+-]", "_", invitation.email)


def _locked(key: str, now: datetime) -> Invitation:
    """Return an open invitation, locked."""
    rows = Invitation.objects.select_for_update(of=("self",), no_key=True)
    rows = rows.select_related("company").filter(digest=digest(key))
    found = rows.first()
    if found is None or not found.is_open(now):
        raise InvitationOver(
            _("This link was used already, has ended, or was withdrawn. Ask for a new one.")
        )
    return found


def _accept(invitation: Invitation, user: User, now: datetime) -> Membership:
    if Membership.objects.filter(user=user, company=invitation.company).exists():
        raise MembersRefused(
            _("You are a member of %(company)s already.") % {"company": invitation.company}
        )
    membership = Membership.objects.create(
        user=user,
        company=invitation.company,
        role=invitation.role,
        customer_id=invitation.customer_id,
    )
    set_staff_access(user)
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=now, accepted_by=user)
    return membership


def _new_key() -> str:
    return secrets.token_urlsafe(32)
