"""Name a trip as people do: when, and whom."""

from datetime import datetime
from typing import Protocol

from drivers.models import Company


class Named(Protocol):
    """A row of a booking with the name of its client."""

    @property
    def id(self) -> int: ...
    @property
    def reference(self) -> str: ...
    @property
    def client_name(self) -> str | None: ...
    @property
    def scheduled_time(self) -> datetime: ...


def name_of(company: Company, row: Named) -> str:
    """Return "07:10 André Pereira": without a client the reference, without that the number."""
    who = row.client_name or row.reference or f"#{row.id}"
    return f"{company.clock(row.scheduled_time)} {who}"
