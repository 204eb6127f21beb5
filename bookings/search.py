"""Find a company's clients and bookings by words, fast on tables of any size.

A client is found by parts of name, phone and address, which the database keeps in one text
(`drivers.db.parts`). A booking is found by its client or by its full reference; within a period
of at most a month, which the caller has chosen, by any part of any of its texts.
"""

import re
from typing import Any

from django.db.models import Q, QuerySet

from bookings.models import Booking, Client
from drivers.companies.scope import Scope
from drivers.db.parts import WORDS_AT_MOST
from drivers.models import Company, Customer

TRIPS_FOUND = 1_000
CLIENTS_FOUND = 50
NUMBER = re.compile("#([0-9]{1,18})")  # a booking without a reference is shown as #12
TEXTS = ("reference", "client__searched", "pickup_address", "dropoff_address")


def find_clients(
    company: Company, words: str, *, customer: Customer | None = None
) -> QuerySet[Client]:
    """Return the clients whose name, phone and address have every word, ordered by name."""
    found = Scope(company, customer).of(Client.objects.filter(searched__has_parts=words))
    return found.order_by("folded_name", "id")


def find_bookings(
    rows: QuerySet[Any], words: str, *, company: Company, customer: Customer | None = None
) -> QuerySet[Any]:
    """Return those of the rows that `booking_ids` names: 3 statements."""
    return rows.filter(id__any_of=booking_ids(words, company=company, customer=customer))


def booking_ids(words: str, *, company: Company, customer: Customer | None = None) -> list[int]:
    """Return the ids of the bookings of clients with these words, and of the one so referenced.

    Of a customer, if one is named. Of the first `CLIENTS_FOUND` clients by name, and their newest
    `TRIPS_FOUND` bookings: 3 statements.
    """
    clients = find_clients(company, words, customer=customer)
    client_ids = list(clients.values_list("id", flat=True)[:CLIENTS_FOUND])
    # Not filtered by company, which is the clients': SQLite would read the whole company.
    of_clients = Booking.objects.filter(client_id__any_of=client_ids)
    newest = list(of_clients.order_by("-id").values_list("id", flat=True)[:TRIPS_FOUND])
    named = find_by_reference(company, words.strip(), customer=customer)
    return [*newest, *named.values_list("id", flat=True)]


def find_by_reference(
    company: Company, text: str, *, customer: Customer | None = None
) -> QuerySet[Booking]:
    """Return the bookings with this full reference, in any case, or shown as #12 without one.

    Of a company by its customers, since a reference is unique for each.
    """
    rows = Scope(company, customer).of(Booking.objects.all(), "customer__company")
    if found := NUMBER.fullmatch(text):
        return rows.filter(pk=int(found[1]))
    spellings = sorted({text, text.upper(), text.lower()})
    return rows.filter(reference__any_of=spellings).exclude(reference="")


def find_in_texts(rows: QuerySet[Any], words: str) -> QuerySet[Any]:
    """Return the rows, of a short period, with every word in one of their texts."""
    for word in words.split()[:WORDS_AT_MOST]:
        condition = Q()
        for text in TEXTS:
            condition |= Q(**{f"{text}__icontains": word})
        rows = rows.filter(condition)
    return rows
