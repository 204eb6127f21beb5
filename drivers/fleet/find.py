"""Find a company's drivers by words."""

from django.db.models import Q, QuerySet

from drivers.db.parts import WORDS_AT_MOST
from drivers.models import Company, Driver


def find_drivers(company: Company, words: str) -> QuerySet[Driver]:
    """Return the drivers whose name or phone contains every word, ordered by name."""
    rows = Driver.objects.filter(company=company)
    for word in words.split()[:WORDS_AT_MOST]:
        rows = rows.filter(Q(folded_name__icontains=word) | Q(phone__icontains=word))
    return rows.order_by("folded_name", "id")
