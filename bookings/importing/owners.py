"""Whose rows a file has: the customers that its column `customer` may name."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from bookings.parsing import BadValueError, text
from drivers.db.folding import fold
from drivers.models import Company, Customer

LENGTH = 100


@dataclass(frozen=True, slots=True)
class Owners:
    """The `default` owner of rows that name none, and those that rows may name.

    `others` are by their names, None if the file is imported for the default one alone; `alike` are
    by folded names that only one has.
    """

    default: Customer
    others: Mapping[str, Customer] | None = None
    alike: Mapping[str, Customer] = field(default_factory=dict)

    def read(self, cell: str) -> Customer:
        """Return the customer that a cell names. Raises BadValueError.

        Where the file is imported for one customer, all others are refused in the same words.
        """
        name = text(cell, at_most=LENGTH)
        if not name:
            return self.default
        if self.others is None:
            if fold(name) == fold(self.default.name):
                return self.default
            says = _("the file is imported for %(customer)s: write this name, or none")
            raise BadValueError(says % {"customer": self.default})
        if found := self.others.get(name) or self.alike.get(fold(name)):
            return found
        raise BadValueError(_("write the name of a customer of the company, as on its page"))


def owners_of(company: Company, customer: Customer | None, *, are_named: bool) -> Owners:
    """Return whom the rows of a file may name: 1 statement if they name any, and the default's.

    With a `customer` the file is imported for it alone.
    """
    if customer is not None:
        return Owners(customer)
    if not are_named:
        return Owners(company.default_customer, {})
    customers = list(Customer.objects.filter(company=company))
    same = Counter(fold(one.name) for one in customers)
    alike = {fold(one.name): one for one in customers if same[fold(one.name)] == 1}
    return Owners(company.default_customer, {one.name: one for one in customers}, alike)
