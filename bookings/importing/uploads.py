"""Files that wait to be imported: looked at first, then imported or thrown away.

A file lies in the database, so that any server shows it; it belongs to who uploaded it.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from bookings.models import ImportFile
from drivers.companies.roles import WRITING_ROLES, companies_of
from drivers.models import Company

KEPT = timedelta(days=1)
UPLOAD_AT_MOST = 10 * 1024 * 1024


def store_upload(
    company: Company, user, upload, *, date_order: str = "", now: datetime
) -> ImportFile:
    """Store an uploaded file instead of the user's last one: 2 statements.

    Files that nobody came back for go too.
    """
    ImportFile.objects.filter(Q(user=user) | Q(uploaded_at__lt=now - KEPT)).delete()
    return ImportFile.objects.create(
        company=company,
        user=user,
        name=upload.name[-100:],
        data=upload.read(),
        date_order=date_order,
        uploaded_at=now,
    )


def files_of(user):
    """Return the files that the user uploaded for companies that are still theirs to write."""
    return ImportFile.objects.filter(
        user=user, company__in=companies_of(user, WRITING_ROLES)
    ).select_related("company")
