"""The argument that names a company, and the error when there is none."""

from django.core.management.base import CommandError

from drivers.models import Company


def add_company(parser):
    parser.add_argument("--company", required=True, metavar="SLUG", help="Short name.")


def company_of(slug):
    """Return the company of that short name, or say which ones there are: 1 or 2 queries."""
    company = Company.objects.filter(slug=slug).first()
    if company is None:
        known = Company.objects.order_by("slug", "id").values_list("slug", flat=True)[:10]
        raise CommandError(
            f"There is no company {slug!r}. Known: {', '.join(known) or 'none yet'}."
        )
    return company
