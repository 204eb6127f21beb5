"""Whose board a request may see, and whether it may change anything on it."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _

from drivers.access import STAFF_ROLES, WRITING_ROLES
from drivers.models import Company, Membership


@dataclass(frozen=True, slots=True)
class Desk:
    """A company as its user has it before them; `others` are all companies they may see."""

    company: Company
    may_write: bool
    companies: tuple[Company, ...]


def desk_of(request, slug=None) -> Desk:
    """Return the desk of the company, or of the user's first one: 1 query.

    Another company's does not exist (Http404); who is in no office has none (PermissionDenied).
    """
    user = request.user
    if user.is_superuser:
        roles = dict.fromkeys(Company.objects.order_by("name", "id"), WRITING_ROLES)
    else:
        members = Membership.objects.filter(user=user, role__in=sorted(STAFF_ROLES))
        roles = {
            row.company: {row.role}
            for row in members.select_related("company").order_by("company__name", "id")
        }
    if not roles:
        raise PermissionDenied(_("You are a dispatcher of no company."))
    for company, has in roles.items():
        if slug in (None, company.slug):
            return Desk(company, not WRITING_ROLES.isdisjoint(has), tuple(roles))
    raise Http404(_("There is no such company."))
