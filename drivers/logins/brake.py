"""Stop an account at an address after ten wrong passwords (django-axes counts them).

Only the pair is stopped: the account stays open from other addresses, the address for other
accounts. A name that no account has is stopped the same way. An address that tries many names is
stopped by `StrangerThrottle`, without counting what succeeds.
"""

import logging
from typing import Any

from axes.models import AccessAttempt
from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Sum
from django.http import HttpRequest
from django.utils.translation import gettext as _

from drivers.logins.mail import send_apart
from drivers.models import Membership, Role
from drivers.rest.throttling import CallerThrottle, network_of

logger = logging.getLogger(__name__)


class StrangerThrottle(CallerThrottle):
    """Wrong passwords of one address per period, whatever the names."""

    scope = "wrong_passwords"


class MailThrottle(CallerThrottle):
    """Mails that one address may ask for per period."""

    scope = "asked_mails"


def address_of(request: Any) -> str | None:
    """Return the client's address, of IPv6 its network, as the throttles count it.

    None where the server tells none, as behind a socket without a proxy: these share a counter.
    """
    return network_of(StrangerThrottle().get_ident(request))


def is_over(throttle: CallerThrottle, request: HttpRequest) -> bool:
    """Say whether the address has used up what the throttle allows; counts nothing."""
    _rate, wait_s = throttle.address_rate(request)
    return wait_s is not None


def wrong_passwords(user: User) -> int:
    """Return how many wrong passwords are kept for the account, from all addresses: 1 statement."""
    found = AccessAttempt.objects.filter(username=user.get_username())
    return found.aggregate(count=Sum("failures_since_start"))["count"] or 0


def forget_wrong_passwords(user: User) -> None:
    """Open an account that was stopped, everywhere: 1 statement."""
    AccessAttempt.objects.filter(username=user.get_username()).delete()


def tell(
    sender: Any, *, request: Any, username: str, ip_address: str | None = None, **kwargs: Any
) -> None:
    """Mail the person and the owners of the person's company, once for each lock: 3 statements.

    Who is of several companies is told alone: no owner learns of logins elsewhere.

    Nothing else than the mail depends on whether the account exists.
    """
    if getattr(request, "axes_failures_since_start", 0) != settings.AXES_FAILURE_LIMIT:
        return  # a further attempt at a closed door
    logger.warning("Logins of an account from %s are stopped: wrong passwords.", ip_address)
    send_apart(lambda: _mails(username, ip_address or ""))


def _mails(username: str, address: str) -> list[tuple[str, str, list[str]]]:
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        return []
    told = {user.email}
    companies = set(Membership.objects.filter(user=user).values_list("company", flat=True))
    if len(companies) == 1:
        owners = User.objects.filter(
            memberships__role=Role.OWNER, memberships__company__in=companies, is_active=True
        )
        told.update(owners.values_list("email", flat=True))
    told.discard("")
    subject = _("Wrong passwords for %(user)s") % {"user": username}
    text = _(
        "Somebody gave %(count)d wrong passwords for the account “%(user)s” from the address "
        "%(address)s. Logins of this account from there are stopped for %(minutes)d minutes, with "
        "the right password too. From other addresses the account is open. If it was not you, "
        "choose a new password and set up a second factor."
    ) % {
        "count": settings.AXES_FAILURE_LIMIT,
        "user": username,
        "address": address,
        "minutes": settings.AXES_COOLOFF_TIME.total_seconds() // 60,
    }
    return [(subject, text, [receiver]) for receiver in sorted(told)]


user_locked_out.connect(tell, dispatch_uid="tell of wrong passwords")
