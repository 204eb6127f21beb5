"""Issue, find and revoke API tokens.

A key looks like `dsp_` and 43 letters and digits; it is shown once and stored as a hash.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from drivers.models import GRANTABLE_ROLES, ApiToken, Customer, Membership, Role
from drivers.refused import Refused

PREFIX = "dsp_"
LONGEST = timedelta(days=366)  # without a person: of a token, and of all that follows from it
# `last_used_at` is updated at most this often, so that a request that reads does not write.
USE_NOTED_EVERY = timedelta(hours=1)
# What tells who makes a request, and whether they may: of some 100 columns.
WHO = (
    "name", "ending", "role", "last_used_at", "customer_id", "membership__role",
    "membership__user__username", "membership__user__is_active", "membership__company__slug",
)  # fmt: skip


class TokenOver(Refused):
    """The token was revoked or has ended, or the one that replaces it is in use already."""

    code = "token_over"
    status = 409


class TokenRefused(Refused):
    """The token cannot be issued."""

    code = "invalid"
    status = 400

    def __init__(self, sentence: str, field: str = "role") -> None:
        super().__init__(sentence)
        self.field = field


def issue_token(
    membership: Membership,
    *,
    name: str,
    now: datetime,
    role: Role | None = None,
    customer: Customer | None = None,
    lifetime: timedelta = timedelta(days=90),
    replaces: ApiToken | None = None,
    by: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """Create a token and return it with its key, which is not stored: 1 statement.

    It ends after its lifetime; issued `by` a token, when that one may no longer be renewed at the
    latest. A person, None, begins anew.

    The token of a client system is the member's customer's, or, if the member is not a client
    system, that of the `customer` of the company. Raises TokenRefused if the role exceeds the
    member's, the customer is missing or another one, or the lifetime is too long.
    """
    role = Role(role or membership.role)
    if role not in GRANTABLE_ROLES[Role(membership.role)]:
        raise TokenRefused(
            _("A member with the role %(have)s cannot have a token with the role %(want)s.")
            % {"have": Role(membership.role).label, "want": role.label}
        )
    if not timedelta(0) < lifetime <= LONGEST:
        raise TokenRefused(
            _("A token must be valid for more than 0 and at most %(days)d days.")
            % {"days": LONGEST.days}
        )
    customer = _customer_of(membership, role, customer)
    until = now + LONGEST
    if by is not None:
        until = by.renewable_until or by.created_at + LONGEST
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        membership=membership,
        role=role,
        customer=customer,
        name=name,
        digest=digest(key),
        ending=key[-4:],
        created_at=now,
        expires_at=min(now + lifetime, until),
        renewable_until=until,
        replaces=replaces,
    )
    return token, key


def rotate_token(
    pk: int, *, overlap: timedelta, now: datetime, by: ApiToken | None = None
) -> tuple[ApiToken, str]:
    """Replace a valid token and return the new one with its key: at most 7 statements.

    The new one is valid for as long as the old one was when it was issued, or less if a token asks
    (see `issue_token`); the old one ends after the `overlap`. Rotated again, because the answer was
    lost, it gets another successor while nobody has used, revoked or replaced the first, which
    ends. Raises TokenOver, and TokenRefused if the member's role does not grant the token's any
    more.
    """
    with transaction.atomic():
        rows = ApiToken.objects.select_for_update(of=("self",), no_key=True)
        old = rows.select_related("membership__company", "customer").get(pk=pk)
        next_one = ApiToken.objects.filter(replaces=old).order_by("-id").first()
        is_over = old.revoked_at is not None or old.expires_at <= now
        if is_over or (next_one is not None and _is_taken(next_one)):
            raise TokenOver(_("This token has ended or was replaced. Ask an owner for a new one."))
        like = next_one or old
        token, key = issue_token(
            old.membership,
            name=old.name,
            role=Role(old.role),
            customer=old.customer,
            lifetime=like.expires_at - like.created_at,
            now=now,
            replaces=old,
            by=by,
        )
        if next_one is not None:
            ApiToken.objects.filter(pk=next_one.pk).update(revoked_at=now)
        if overlap:
            ends_at = min(old.expires_at, now + overlap)
            ApiToken.objects.filter(pk=old.pk).update(expires_at=ends_at)
        else:
            ApiToken.objects.filter(pk=old.pk).update(revoked_at=now)
    return token, key


def _is_taken(successor: ApiToken) -> bool:
    """Return whether somebody has used, revoked or replaced a token: 1 statement, or none."""
    if successor.last_used_at is not None or successor.revoked_at is not None:
        return True
    return ApiToken.objects.filter(replaces=successor).exists()


def _customer_of(membership: Membership, role: Role, customer: Customer | None) -> Customer | None:
    """Return the customer of a new token; 1 statement if it is the member's."""
    if role != Role.CLIENT_API:
        if customer is not None:
            raise TokenRefused(_("Only a client system has a customer."), "customer")
        return None
    if membership.customer_id is not None:
        if customer is not None and customer.pk != membership.customer_id:
            raise TokenRefused(_("This member acts for another customer."), "customer")
        return membership.customer
    if customer is None:
        raise TokenRefused(_("Name the customer whose client system this is."), "customer")
    if customer.company_id != membership.company_id:
        raise TokenRefused(_("Not found in this company."), "customer")
    return customer


def find_token(key: str, *, now: datetime, is_brief: bool = False) -> ApiToken | None:
    """Return the valid token of a key with its member, user and company: 1 statement.

    Returns None if there is none. Once an hour a second statement updates `last_used_at`. Where it
    `is_brief`, only who that is comes with it: anything else would be read when it is asked for.
    """
    rows = ApiToken.objects.select_related("membership__user", "membership__company")
    rows = rows.only(*WHO) if is_brief else rows.select_related("customer")
    token = rows.filter(digest=digest(key), revoked_at=None, expires_at__gt=now).first()
    if token is None or not token.membership.user.is_active:
        return None
    if token.role not in GRANTABLE_ROLES[Role(token.membership.role)]:
        return None
    if token.customer and not _may_act_for(token.membership, token.customer):
        return None
    if token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _may_act_for(membership: Membership, customer: Customer) -> bool:
    """Return whether a token of this member may still be this customer's."""
    if membership.customer_id is not None:
        return membership.customer_id == customer.pk
    return membership.company_id == customer.company_id


def revoke_tokens(tokens: QuerySet[ApiToken], *, now: datetime) -> int:
    """Revoke the tokens of a queryset and return how many were not yet revoked.

    With one that is still valid ends what has replaced it, and so on: who knows its key may have
    got the new one. 2 statements; where any is valid 1 more, and 1 for each generation after it.
    """
    with transaction.atomic():
        # From old to new, as rotations lock them: none can replace one that is being revoked.
        rows = ApiToken.objects.select_for_update(no_key=True).order_by("id")
        valid = Q(revoked_at=None, expires_at__gt=now)
        found = list(rows.filter(valid, pk__in=tokens.values("pk")).values_list("pk", flat=True))
        ended = found
        while found:
            found = list(rows.filter(replaces__in=found).values_list("pk", flat=True))
            ended = [*ended, *found]
        wanted = Q(pk__in=tokens.values("pk")) | Q(pk__in=ended)
        return ApiToken.objects.filter(wanted, revoked_at=None).update(revoked_at=now)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
