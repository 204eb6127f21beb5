"""Who a phone is: the cookie that it got for its link, and what brakes guessing."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from drivers.companies.devices import find_device
from drivers.models import Device
from drivers.rest.throttling import CallerThrottle

COOKIE, PATH = "drive", "/drive/"


class LinkThrottle(CallerThrottle):
    """Links and keys of one address that let nobody in."""

    scope = "wrong_links"


class PhoneThrottle(CallerThrottle):
    """Requests of one phone: one a minute, a tap now and then, and what has waited."""

    scope = "phone"

    def get_cache_key(self, request: Any, view: Any) -> str:
        key: str = self._key(f"device{view.pk}")
        return key


def device_of(request: HttpRequest) -> Device | None:
    """Return the phone that asks, or None: at most 2 statements."""
    key = request.COOKIES.get(COOKIE, "")
    return find_device(key, now=timezone.now()) if key else None


def remember(response: HttpResponse, key: str) -> None:
    """Give the phone its key: no script sees it, and no other site sends it."""
    response.set_cookie(
        COOKIE,
        key,
        max_age=Device.FORGOTTEN_AFTER,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
