"""Make the page of a ward, find it by its key, and revoke it.

A page lives as many days as its maker says, and no longer than that one may make any: whoever
leaves the company knows addresses that show who its clients are. There is none until somebody makes
one.
"""

import secrets
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from bookings.models import CompanyPlace, WardPage
from drivers.companies.roles import WRITING_ROLES
from drivers.companies.tokens import digest
from drivers.models import Customer, Membership

USUAL_DAYS, MOST_DAYS = 90, 366
# `opened_at` is updated at most this often: a page that stays open loads itself every minute.
OPENED_NOTED_EVERY = timedelta(minutes=5)


def make_ward_page(
    customer: Customer,
    place: CompanyPlace,
    *,
    shows_names: bool,
    days: int,
    user_id: int,
    now: datetime,
) -> tuple[WardPage, str]:
    """Create a page for a customer's trips to and from a place, and return it with its key.

    1 statement. The key is not stored. Raises ValueError for another company's place, or days that
    cannot be.
    """
    if place.company_id != customer.company_id or not 1 <= days <= MOST_DAYS:
        raise ValueError(f"No page of {customer.pk} at {place.pk} for {days} days.")
    key = secrets.token_urlsafe(32)
    page = WardPage.objects.create(
        company_id=customer.company_id,
        customer=customer,
        place=place,
        shows_names=shows_names,
        digest=digest(key),
        made_at=now,
        made_by_id=user_id,
        ends_at=now + timedelta(days=days),
    )
    return page, key


def find_ward_page(key: str, *, now: datetime) -> WardPage | None:
    """Return the page that a key opens, with company, policy, customer and place: 1 statement.

    None if there is none any more. Every five minutes a second statement notes that it was opened.
    """
    page = (
        WardPage.objects.select_related("company__message_policy", "customer", "place")
        .filter(maker_stays(), digest=digest(key), revoked_at=None, ends_at__gt=now)
        .first()
    )
    if page and (page.opened_at is None or now - page.opened_at >= OPENED_NOTED_EVERY):
        WardPage.objects.filter(pk=page.pk).update(opened_at=now)
    return page


def maker_stays() -> Q:
    """Return the condition that who made a page may still make one."""
    members = Membership.objects.filter(
        user=OuterRef("made_by"), company=OuterRef("company"), role__in=sorted(WRITING_ROLES)
    )
    return Q(made_by__is_active=True) & (Q(made_by__is_superuser=True) | Q(Exists(members)))


def revoke_ward_pages(pages: QuerySet[WardPage], *, now: datetime) -> int:
    """Close these pages for good, and return how many were open until now: 1 statement."""
    return pages.filter(revoked_at=None).update(revoked_at=now)
