"""Find a company's clients and bookings by words, fast on tables of any size.

A client is found by parts of name, phone and address, which the database keeps in one text
(`drivers.db.parts`). A booking is found by its client or by its full reference; within a period
of at most a month, which the caller has chosen, by any part of any of its texts.
"""

import re
from typing import Any

from django.db.models import Q, QuerySet

from bookings.models import Booking, Client
from drivers.db.parts import WORDS_AT_MOST
from drivers.models import Company

TRIPS_FOUND = 1_000
CLIENTS_FOUND = 50
NUMBER = re.compile("#([0-9]{1,18})")  # a booking without a reference is shown as #12
TEXTS = ("reference", "client__searched", "pickup_address", "dropoff_address")


def find_clients(company: Company, words: str) -> QuerySet[Client]:
    """Return the clients whose name, phone and address have every word, ordered by name."""
    found = Client.objects.filter(company=company, searched__has_parts=words)
    return found.order_by("folded_name", "id")


def find_bookings(rows: QuerySet[Any], words: str, *, company: Company) -> QuerySet[Any]:
    """Return those of the rows that `booking_ids` names: 3 statements."""
    return rows.filter(id__any_of=booking_ids(words, company=company))


def booking_ids(words: str, *, company: Company) -> list[int]:
    """Return the ids of the bookings of clients with these words, and of the one so referenced.

    Of the first `CLIENTS_FOUND` clients by name, and their newest `TRIPS_FOUND` bookings: 3
    statements.
    """
    client_ids = list(find_clients(company, words).values_list("id", flat=True)[:CLIENTS_FOUND])
    # Not filtered by company, which is the clients': SQLite would read the whole company.
    of_clients = Booking.objects.filter(client_id__any_of=client_ids)
    newest = list(of_clients.order_by("-id").values_list("id", flat=True)[:TRIPS_FOUND])
    return [*newest, *find_by_reference(company, words.strip()).values_list("id", flat=True)]


def find_by_reference(company: Company, text: str) -> QuerySet[Booking]:
    """Return the bookings with this full reference, in any case, or shown as #12 without one."""
    rows = Booking.objects.filter(company=company)
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
