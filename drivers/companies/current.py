"""The company that a user works for in the admin: times are shown in its timezone.

`request.company` is the company chosen last, else the first of the user's own, or None if there
is none. `request.companies` are the companies to choose from. Both decide what is shown first,
never what is allowed.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from drivers.companies.roles import STAFF_ROLES, companies_of
from drivers.models import Company, Membership

CHOSEN = "company"  # the key in the session
MOST_COMPANIES = 30  # offered to a superuser


class CompanyMiddleware:
    """Set the company of each admin request and activate its timezone: 1 statement."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()

    def process_view(
        self, request: Any, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> None:
        if "admin" in request.resolver_match.app_names and request.user.is_staff:
            request.companies = _companies_of(request)
            _activate(request, request.companies[0] if request.companies else None)


# `request` is Any below: the attributes that CompanyMiddleware adds are unknown to HttpRequest.
def act_for(request: Any, company_id: int) -> None:
    """Make a company the current one of this request: at most 1 statement."""
    if request.company is None or request.company.pk != company_id:
        _activate(request, Company.objects.get(pk=company_id))


def memberships_of(request: Any) -> list[Membership]:
    """Return the user's memberships with their companies, by name; read once per request."""
    if not hasattr(request, "memberships"):
        rows = Membership.objects.filter(user=request.user).select_related("company")
        request.memberships = list(rows.order_by("company__name", "id"))
    memberships: list[Membership] = request.memberships
    return memberships


@login_required
@require_POST
def choose_company(request: Any, company: str) -> HttpResponse:
    """Make a company the current one of the session; another user's company is 404."""
    chosen = get_object_or_404(companies_of(request.user), slug=company)
    request.session[CHOSEN] = chosen.pk
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        target = "admin:index"
    return redirect(target)


def _activate(request: Any, company: Company | None) -> None:
    request.company = company
    if company is None:
        timezone.deactivate()
    else:
        timezone.activate(company.zone)


def _companies_of(request: Any) -> list[Company]:
    """Return the companies the user may choose, the current one first: 1 statement."""
    chosen = request.session.get(CHOSEN, 0)
    if request.user.is_superuser:
        is_member = Exists(Membership.objects.filter(company=OuterRef("pk"), user=request.user))
        offered = Company.objects.annotate(is_chosen=Q(pk=chosen), is_mine=is_member)
        return list(offered.order_by("-is_chosen", "-is_mine", "name", "id")[:MOST_COMPANIES])
    companies = [row.company for row in memberships_of(request) if row.role in STAFF_ROLES]
    return sorted(companies, key=lambda company: company.pk != chosen)
