"""Whose board a request may see, and whether it may change anything on it."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _

from drivers.companies.current import act_for, memberships_of
from drivers.companies.roles import WRITING_ROLES
from drivers.models import Company


@dataclass(frozen=True, slots=True)
class Desk:
    """A company as its user has it before them; `others` are all companies they may see."""

    company: Company
    may_write: bool
    companies: tuple[Company, ...]


def desk_of(request, slug=None) -> Desk:
    """Return the desk of the company, or of the one the user works for: 0 to 2 queries.

    The times of the request are shown in its zone. Another company's desk does not exist
    (Http404); who is in no office has none (PermissionDenied).
    """
    if not request.companies:
        raise PermissionDenied(_("You are a dispatcher of no company."))
    found = [row for row in request.companies if slug in (None, row.slug)]
    if not found and request.user.is_superuser:  # who is offered some of all companies only
        found = list(Company.objects.filter(slug=slug))
    if not found:
        raise Http404(_("There is no such company."))
    company = found[0]
    act_for(request, company.pk)
    may_write = request.user.is_superuser or any(
        row.company_id == company.pk and row.role in WRITING_ROLES
        for row in memberships_of(request)
    )
    names = sorted({*request.companies, company}, key=lambda row: (row.name, row.pk))
    return Desk(company, may_write, tuple(names))
