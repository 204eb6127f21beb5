"""The company that a user works for in the admin: times are shown in its timezone.

`request.company` is the company chosen last, or the only one, or None if there is none. Who has
several chooses one first; a superuser, who has all, begins with the first. `request.companies` are
the companies to choose from. Both decide what is shown first, never what is allowed.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.http import require_POST

from drivers.companies.roles import STAFF_ROLES, companies_of
from drivers.models import Company, Membership

CHOSEN = "company"  # the key in the session
# Pages that are no company's, and values that say which company a page is about.
CHOOSES_NONE = frozenset(
    {
        "login",
        "logout",
        "second_factor",
        "set_up_factor",
        "account",
        "password_change",
        "password_change_done",
        "jsi18n",
        "invited",
        "invitation",
        "companies_to_choose",
    }
)
NAMES_ONE = frozenset({"company", "object_id"})
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
    ) -> HttpResponse | None:
        if "admin" not in request.resolver_match.app_names or not request.user.is_staff:
            return None
        request.companies = _companies_of(request)
        _activate(request, request.companies[0] if request.companies else None)
        if _must_choose(request):
            target = reverse("admin:companies_to_choose")
            if request.method == "GET":
                target += "?" + urlencode({"next": request.get_full_path()})
            return redirect(target)
        return None


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


def _must_choose(request: Any) -> bool:
    """Say whether a member of several companies has chosen none, and the page names none.

    A superuser belongs to all and may begin with any.
    """
    if len(request.companies) < 2 or request.user.is_superuser:
        return False
    if request.companies[0].pk == request.session.get(CHOSEN):
        return False
    match = request.resolver_match
    named = {*match.kwargs, *request.GET, *request.POST}
    return match.url_name not in CHOOSES_NONE and not NAMES_ONE.intersection(named)


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
