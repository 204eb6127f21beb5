"""What a caller may see: the rows of a company, or of one of its customers alone.

Every door of the API takes its rows through a `Scope`, so that what belongs to nobody else is
decided once. A model says in `customer_path` how its rows lead to their customer; the rows of a
model that does not are no customer's.
"""

from dataclasses import dataclass
from typing import Any

from drivers.models import Company, Customer


@dataclass(frozen=True, slots=True)
class Scope:
    """A company, or one customer of it."""

    company: Company
    customer: Customer | None = None

    def of(self, rows: Any, company_path: str = "company") -> Any:
        """Return those of the rows that the scope has; `company_path` leads to their company.

        Those of a customer are not filtered by company too, which is the customer's: an index
        begins with one of them.
        """
        if self.customer is None:
            return rows.filter(**{company_path: self.company})
        path = getattr(rows.model, "customer_path", None)
        return rows.filter(**{path: self.customer.pk}) if path else rows.none()

    @property
    def owner(self) -> Customer:
        """The customer that owns what is made in this scope and names no other: 1 statement.

        None if the scope is a customer's.
        """
        owner: Customer = self.customer or self.company.default_customer
        return owner
