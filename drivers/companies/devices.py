"""Let phones of drivers in by a link that can be used once, find them, and shut them out.

A link lives `LINK_LIVES`; the key that a phone gets for it lives as long as the phone is used.
"""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from drivers.companies.tokens import digest
from drivers.models import Device, Driver
from drivers.refused import Refused

LINK_LIVES = timedelta(hours=24)
# `last_seen_at` is updated at most this often: most requests of a phone change nothing.
SEEN_NOTED_EVERY = timedelta(minutes=5)


class LinkRefused(Refused):
    """The link of a phone was used, has expired or was made for somebody who drives no more."""

    code = "link_refused"
    status = 410


def make_link(driver: Driver, *, user_id: int | None, now: datetime) -> tuple[Device, str]:
    """Create a phone of the driver and return it with the secret of its link: 2 statements.

    Links of the driver that nobody used end: the newest one counts.
    """
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        Device.objects.filter(driver=driver, paired_at=None).delete()
        device = Device.objects.create(
            driver=driver,
            link_digest=digest(secret),
            link_ends_at=now + LINK_LIVES,
            made_at=now,
            made_by_id=user_id,
        )
    return device, secret


def find_link(secret: str, *, now: datetime) -> Device:
    """Return the phone that waits behind a link, with driver and company: 1 statement.

    Raises LinkRefused.
    """
    device = (
        Device.objects.select_related("driver__company")
        .filter(
            link_digest=digest(secret),
            link_ends_at__gt=now,
            paired_at=None,
            revoked_at=None,
            driver__is_active=True,
        )
        .first()
    )
    if device is None:
        raise LinkRefused(
            _("This link was used already or has expired. Ask the dispatcher for a new one.")
        )
    return device


def connect(secret: str, *, name: str, now: datetime) -> tuple[Device, str]:
    """Use up a link and return its phone with its key, which is not stored: 2 statements.

    Of two phones at once one is refused. Raises LinkRefused.
    """
    device = find_link(secret, now=now)
    key = secrets.token_urlsafe(32)
    waiting = Device.objects.filter(pk=device.pk, paired_at=None, revoked_at=None)
    if not waiting.update(paired_at=now, last_seen_at=now, digest=digest(key), name=name[:60]):
        raise LinkRefused(_("Another phone has just used this link. Ask for a new one."))
    return device, key


def find_device(key: str, *, now: datetime) -> Device | None:
    """Return the phone of a key with driver and company: 1 statement; None if there is none.

    Every five minutes a second statement notes that it was seen.
    """
    device = (
        Device.objects.select_related("driver__company")
        .filter(
            digest=digest(key),
            revoked_at=None,
            last_seen_at__gt=now - Device.FORGOTTEN_AFTER,
            driver__is_active=True,
        )
        .first()
    )
    if device and device.last_seen_at and now - device.last_seen_at >= SEEN_NOTED_EVERY:
        Device.objects.filter(pk=device.pk).update(last_seen_at=now)
    return device


def revoke_devices(devices: QuerySet[Device], *, now: datetime) -> int:
    """Shut these phones out, and return how many were let in until now: 1 statement."""
    return devices.filter(revoked_at=None).update(revoked_at=now)
