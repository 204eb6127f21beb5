"""Uploaded files between their preview and their import.

A file is stored in the database, so that every server can read it, and belongs to its uploader.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q, QuerySet

from bookings.models import ImportFile
from bookings.places.known import Place
from drivers.companies.roles import WRITING_ROLES, companies_of
from drivers.db.folding import fold
from drivers.models import Company, Customer

KEPT = timedelta(days=1)
UPLOAD_AT_MOST = 10 * 1024 * 1024


def store_upload(
    company: Company,
    user: User,
    upload: "UploadedFile[bytes]",
    *,
    customer: Customer | None = None,
    date_order: str = "",
    now: datetime,
) -> ImportFile:
    """Store an uploaded file in place of the user's last one: 2 statements.

    Expired files are deleted too.
    """
    ImportFile.objects.filter(Q(user=user) | Q(uploaded_at__lt=now - KEPT)).delete()
    return ImportFile.objects.create(
        company=company,
        customer=customer,
        user=user,
        name=(upload.name or "")[-100:],
        data=upload.read(),
        date_order=date_order,
        uploaded_at=now,
    )


def files_of(user: User) -> QuerySet[ImportFile]:
    """Return the user's files for companies in which the user may still write."""
    return ImportFile.objects.filter(
        user=user, company__in=companies_of(user, WRITING_ROLES)
    ).select_related("company", "customer")


def choices_of(file: ImportFile) -> dict[str, Place]:
    """Return the places that were chosen for the addresses of the file, by folded address."""
    return {key: Place(*place) for key, place in file.places.items()}


def choose_places(file: ImportFile, chosen: Mapping[str, Place]) -> None:
    """Keep with the file which places its addresses are: 1 statement, none without a choice."""
    if not chosen:
        return
    file.places |= {fold(key): [p.address, p.lat, p.lon] for key, p in chosen.items()}
    file.save(update_fields=["places"])
