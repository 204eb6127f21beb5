"""Say which papers of drivers and vehicles have expired on a day, or will soon. No query."""

from collections.abc import Iterator
from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from drivers.models import Company

PAPERS = {
    "licence_until": gettext_noop("licence"),
    "permit_until": gettext_noop("permit"),
    "insurance_until": gettext_noop("insurance"),
    "inspection_until": gettext_noop("inspection"),
}


def expiring(company: Company, day: date, **until: date | None) -> Iterator[str]:
    """Yield a text for each paper that is over on the day, or within the company's warning.

    The papers are named as in `PAPERS`, each with its last day, or None if that is not known.
    """
    for name, last in until.items():
        if last is None or last >= day + timedelta(days=company.expiry_days):
            continue
        text = _("%(paper)s expired on %(day)s") if last < day else _("%(paper)s until %(day)s")
        yield text % {"paper": _(PAPERS[name]), "day": date_format(last)}
