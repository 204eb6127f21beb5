"""Issue, recognise and revoke the keys of the API.

A key looks like `dsp_` and 43 letters and digits; it is shown once and stored as a hash.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from drivers.models import GRANTABLE_ROLES, ApiToken, Membership, Role

PREFIX = "dsp_"
LONGEST = timedelta(days=366)
# How old a token's `last_used_at` gets before a use is written down: reading stays reading.
USE_NOTED_EVERY = timedelta(hours=1)


class TokenRefused(Exception):
    """A token like this cannot be issued."""


def issue_token(
    membership: Membership,
    *,
    name: str,
    now: datetime,
    role: Role | None = None,
    lifetime: timedelta = timedelta(days=90),
) -> tuple[ApiToken, str]:
    """Store a new token; return it and its key, which cannot be read again: 1 statement.

    Raises TokenRefused where the role is more than the member's, or the lifetime too long.
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
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        membership=membership,
        role=role,
        name=name,
        digest=digest(key),
        ending=key[-4:],
        created_at=now,
        expires_at=now + lifetime,
    )
    return token, key


def find_token(key: str, *, now: datetime) -> ApiToken | None:
    """Return the valid token of a key, with its member, user and company: 1 statement.

    Once an hour a second one notes that it is used.
    """
    token = (
        ApiToken.objects.select_related("membership__user", "membership__company")
        .filter(digest=digest(key), revoked_at=None, expires_at__gt=now)
        .first()
    )
    if token is None or not token.membership.user.is_active:
        return None
    if token.role not in GRANTABLE_ROLES[Role(token.membership.role)]:
        return None
    if token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke_tokens(tokens, *, now: datetime) -> int:
    """End the tokens of a queryset from now on; return how many were still valid: 1 statement."""
    return tokens.filter(revoked_at=None).update(revoked_at=now)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
