"""Authenticate a request and resolve its company and role.

A token has one company and one role. A session belongs to a user; with several companies the
header `X-Company` (the short name) selects one. Rows of another company are 404.
"""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound, ValidationError
from rest_framework.permissions import BasePermission

from drivers.companies.actors import Actor, Door
from drivers.companies.roles import STAFF_ROLES, WRITING_ROLES
from drivers.companies.scope import Scope
from drivers.companies.tokens import find_token
from drivers.models import Company, Customer, Membership, Role

STAFF, PLANNERS = STAFF_ROLES, WRITING_ROLES
CLIENTS = frozenset({Role.CLIENT_API})
DRIVERS = frozenset({Role.DRIVER})
EVERYBODY = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Caller:
    """The company and the role of a request; `name` is what the event log calls the caller.

    A client system has a customer, nobody else has.
    """

    company: Company
    role: Role
    name: str
    customer: Customer | None = None

    @property
    def scope(self) -> Scope:
        """What the caller may see and change."""
        return Scope(self.company, self.customer)


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer dsp_...`: 1 statement.

    A view that is asked very often names in `brief_callers` the actions to which it is enough who
    asks: see `find_token`.
    """

    def authenticate(self, request):
        scheme, _space, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        view = request.parser_context.get("view")
        is_brief = getattr(view, "action", None) in getattr(view, "brief_callers", ())
        token = None
        if key.isascii():
            token = find_token(key.strip(), now=timezone.now(), is_brief=is_brief)
        if token is None:
            raise AuthenticationFailed(_("The token is invalid, expired or revoked."))
        return token.membership.user, token

    def authenticate_header(self, request):
        return 'Bearer realm="api"'


class Session(SessionAuthentication):
    """The admin's session, for the pages of the browsable API."""


def caller_of(request) -> Caller:
    """Return the caller of a request, looked up once: a session costs 1 statement, a token none."""
    caller = getattr(request, "_caller", None)
    if caller is None:
        caller = request._caller = _by_token(request) or _by_session(request)
    return caller


def _by_token(request):
    token = request.auth
    if token is None:
        return None
    name = f"{token.name} …{token.ending}"
    return Caller(token.membership.company, Role(token.role), name, token.customer)


def _by_session(request):
    slug = request.headers.get("X-Company", "")
    name = request.user.get_username()
    if request.user.is_superuser:
        company = Company.objects.filter(slug=slug).first() if slug else None
        if company:
            return Caller(company, Role.OWNER, name)
        if slug:
            raise NotFound(_("Company not found."))
        raise _unclear()
    rows = Membership.objects.filter(user=request.user).select_related("company", "customer")
    rows = rows.order_by("id")
    memberships = [row for row in rows if slug in ("", row.company.slug)]
    if not memberships:
        raise NotFound(_("Company not found."))
    if len(memberships) > 1:
        raise _unclear()
    (row,) = memberships
    return Caller(row.company, Role(row.role), name, row.customer)


def _unclear():
    return ValidationError({"X-Company": [_("Set this header to the short name of a company.")]})


class RolePermission(BasePermission):
    """Allow an action to the roles that the view lists for it, and to nobody else."""

    def has_permission(self, request, view):
        if not request.user or not request.user.is_authenticated:
            return False
        action = getattr(view, "action", None)
        if action in (None, "metadata"):  # a method that the resource does not have: 405
            return True
        return caller_of(request).role in roles_of(view, action)


def roles_of(view, action):
    """Return the roles allowed to perform an action: listed by action, or under read or write."""
    roles = view.roles
    if action in roles:
        return roles[action]
    reading = action in ("list", "retrieve")
    return roles.get("read" if reading else "write", frozenset())


def caller_id(request) -> str:
    """Return an id of the token or the user; "" for an anonymous request.

    A user who becomes the client system of another customer is another caller.
    """
    if request.auth is not None:
        return f"token{request.auth.pk}"
    if request.user and request.user.is_authenticated:
        customer = getattr(getattr(request, "_caller", None), "customer", None)
        return f"user{request.user.pk}" + (f"of{customer.pk}" if customer else "")
    return ""


def actor_of(request):
    """Return the actor of a change made through the API."""
    return Actor(Door.API, name=caller_of(request).name[:100], user_id=request.user.pk)
