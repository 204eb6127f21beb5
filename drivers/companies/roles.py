"""Groups of roles, and the companies in which a user has one of them."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import QuerySet

from drivers.models import Company, Role

OWNERS = frozenset({Role.OWNER})
STAFF_ROLES = frozenset({Role.OWNER, Role.DISPATCHER, Role.VIEWER})
WRITING_ROLES = frozenset({Role.OWNER, Role.DISPATCHER})


def companies_of(user: User, roles: Iterable[Role] = STAFF_ROLES) -> QuerySet[Company]:
    """Return the companies in which the user has one of the roles; superusers have all."""
    if user.is_superuser:
        return Company.objects.all()
    return Company.objects.filter(memberships__user=user, memberships__role__in=sorted(roles))
