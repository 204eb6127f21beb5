"""Resolve the company whose board a request may see, and whether the user may change it."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from drivers.companies.current import act_for, memberships_of
from drivers.companies.roles import WRITING_ROLES
from drivers.models import Company, Role


@dataclass(frozen=True, slots=True)
class CompanyContext:
    """The company of a request; `companies` are all that the user may switch to."""

    company: Company
    may_write: bool
    companies: tuple[Company, ...]


def company_context(request: HttpRequest, slug: str | None = None) -> CompanyContext:
    """Return the context of this company, or of the user's current one: 0 to 2 queries.

    Times in the response are shown in its timezone. Raises Http404 for another company, and
    PermissionDenied for a user without an office role.
    """
    if not request.companies:
        raise PermissionDenied(_("You do not have access to the board of any company."))
    found = [row for row in request.companies if slug in (None, row.slug)]
    if not found and request.user.is_superuser:  # the menu offers superusers some companies only
        found = list(Company.objects.filter(slug=slug))
    if not found:
        raise Http404(_("Company not found."))
    company = found[0]
    act_for(request, company.pk)
    may_write = request.user.is_superuser or any(
        row.company_id == company.pk and row.role in WRITING_ROLES
        for row in memberships_of(request)
    )
    names = sorted({*request.companies, company}, key=lambda row: (row.name, row.pk))
    return CompanyContext(company, may_write, tuple(names))


def owns(request: HttpRequest, company: Company) -> bool:
    """Say whether the user is an owner of the company, or runs the server. No query."""
    return request.user.is_superuser or any(
        row.company_id == company.pk and row.role == Role.OWNER for row in memberships_of(request)
    )


def writable_context(request: HttpRequest, slug: str) -> CompanyContext:
    """Return the context of this company. Raises PermissionDenied if the user may only read."""
    current = company_context(request, slug)
    if not current.may_write:
        raise PermissionDenied(_("You can view this company's trips but not change them."))
    return current
