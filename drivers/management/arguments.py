"""The command-line arguments that name a company and a customer of it."""

from django.core.management.base import CommandError

from drivers.models import Company, Customer


def add_company(parser):
    parser.add_argument(
        "--company", required=True, metavar="SLUG", help="Short name of the company."
    )


def company_of(slug):
    """Return the company with this short name: 1 query.

    Raises CommandError with the known names if there is none: 1 more.
    """
    company = Company.objects.filter(slug=slug).first()
    if company is None:
        known = Company.objects.order_by("slug", "id").values_list("slug", flat=True)[:10]
        raise CommandError(
            f"There is no company {slug!r}. Known: {', '.join(known) or 'none yet'}."
        )
    return company


def customer_of(company, name):
    """Return the customer of the company with this name: 1 query.

    Raises CommandError with the known names if there is none: 1 more.
    """
    customer = Customer.objects.filter(company=company, name=name).first()
    if customer is None:
        known = Customer.objects.filter(company=company).order_by("name", "id")
        names = ", ".join(known.values_list("name", flat=True)[:10])
        raise CommandError(f"{company} has no customer {name!r}. Known: {names}.")
    return customer
