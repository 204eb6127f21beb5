"""Callers of the API: a client with a token, in a role of a company."""

from datetime import date, timedelta

from django.core.cache import cache
from django.utils import timezone
from rest_framework.test import APIClient

from drivers.companies.tokens import issue_token
from drivers.models import Company, Role
from tests.support import builders as make

API = "/api/v1/"
BOOKED = date(2096, 6, 13)  # a Wednesday in summer that is over by no clock


def caller(role=Role.DISPATCHER, company=None, *, user=None, customer=None):
    """Return an API client with a fresh token; no limit of requests counts over tests."""
    cache.clear()
    company = company or Company.objects.filter(slug="geneva").first() or make.company()
    user = user or make.member(company, role, is_staff=False, customer=customer)
    membership = user.memberships.get(company=company)
    now = timezone.now()
    token, key = issue_token(membership, name="test", now=now, lifetime=timedelta(days=1))
    type(token).objects.filter(pk=token.pk).update(last_used_at=now)  # nothing to note soon
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    client.user = user
    return client


def booking_values(reference="P-1", **fields):
    """Return what a portal sends to book a trip from home to the hospital."""
    return {
        "reference": reference,
        "pickup_address": "Avenue de Feuillasse 1, 1217 Meyrin",
        "pickup_lat": make.HOME[0],
        "pickup_lon": make.HOME[1],
        "dropoff_address": "Rue Gabrielle-Perret-Gentil 4, 1205 Genève",
        "dropoff_lat": make.HOSPITAL[0],
        "dropoff_lon": make.HOSPITAL[1],
        "scheduled_time": make.at("09:00", BOOKED).isoformat(),
    } | fields
