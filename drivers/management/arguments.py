"""The command-line argument that names a company."""

from django.core.management.base import CommandError

from drivers.models import Company


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
