"""A second factor: codes of an app (TOTP, RFC 6238) and recovery codes, kept by django-otp.

Somebody with a second factor is logged in only after both: until then the session knows who gave
the right password (`drivers/logins/waiting.py`) and belongs to nobody.
"""

from base64 import b32encode

import segno
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from django_otp import match_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from drivers.models import Membership, Role
from drivers.refused import Refused

RECOVERY_CODES = 10


class CodeRefused(Refused):
    """The code is wrong, was used, or was tried too soon after a wrong one."""

    code = "invalid"
    status = 400

    def __init__(self) -> None:
        super().__init__(
            _(
                "This code is not right, was used already, or came too soon after a wrong one. "
                "Wait for the next one; the clock of the phone must be right."
            )
        )


def has_factor(user: User) -> bool:
    """Say whether the user has set up a second factor: 1 statement."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def must_have_factor(user: User) -> bool:
    """Say whether SECOND_FACTOR_ROLES asks it of the user: at most 1 statement.

    A superuser can do what an owner can.
    """
    roles = settings.SECOND_FACTOR_ROLES
    if user.is_superuser and Role.OWNER in roles:
        return True
    return bool(roles) and Membership.objects.filter(user=user, role__in=roles).exists()


def begin(user: User) -> TOTPDevice:
    """Return the device that the user is setting up, made if need be: at most 2 statements."""
    device = TOTPDevice.objects.filter(user=user, confirmed=False).order_by("id").first()
    return device or TOTPDevice.objects.create(user=user, name="app", confirmed=False)


def qr_svg(device: TOTPDevice) -> str:
    """Return the picture that an app reads, as an SVG element without styles or scripts."""
    return segno.make(device.config_url, error="m").svg_inline(
        omitsize=True, border=4, dark="#000", light="#fff", svgclass=None, lineclass=None
    )


def secret_of(device: TOTPDevice) -> str:
    """Return the secret in letters and digits, for an app that reads no picture."""
    return b32encode(device.bin_key).decode()


def confirm(user: User, code: str) -> list[str]:
    """Take the device into use by its first code and return new recovery codes.

    A device that was in use before is replaced. Raises CodeRefused.
    """
    with transaction.atomic():
        device = (
            TOTPDevice.objects.select_for_update()
            .filter(user=user, confirmed=False)
            .order_by("id")
            .first()
        )
        good = device is not None and device.verify_token(code)
        if good:
            TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
            TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
            return new_recovery_codes(user)
    raise CodeRefused  # outside: the device keeps that a code was wrong


def check(user: User, code: str) -> None:
    """Use up a code of the app or a recovery code. Raises CodeRefused.

    After each wrong one the next is refused for twice as long, from a second on.
    """
    if match_token(user, code.replace(" ", "").lower()) is None:
        raise CodeRefused


def new_recovery_codes(user: User) -> list[str]:
    """Replace the user's recovery codes and return them: 5 statements."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery codes")
        codes = [StaticToken.random_token() for _number in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def recovery_codes_left(user: User) -> int:
    """Return how many recovery codes are unused: 1 statement."""
    return StaticToken.objects.filter(device__user=user).count()


def remove(users: list[User]) -> None:
    """Take the second factor away, with its recovery codes."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user__in=users).delete()
        StaticDevice.objects.filter(user__in=users).delete()
