"""The pages of a driver's phone, and the one address to which it sends and from which it learns.

The page itself shows nobody's data: what it shows comes from `sync`, for the phone alone.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from rest_framework.exceptions import APIException, ParseError

from bookings import cancel_reasons
from dispatch.day.travel_times import say_straight
from dispatch.drive.access import LinkThrottle, PhoneThrottle, device_of, remember
from dispatch.drive.reading import BadRequest, read_sync, read_tap
from dispatch.drive.words import DECLINE_REASONS, WORDS
from dispatch.models import Tap
from dispatch.trips.driver_day import note_position, read_driver_day
from dispatch.trips.progress import CLOCK_AHEAD
from dispatch.trips.taps import Answer, take_in
from drivers.companies.devices import LinkRefused, connect, find_link
from drivers.logins.brake import is_over
from drivers.models import Device, Driver
from drivers.rest.fields import StrictJSONParser

FILES = ("drive.css", "drive.js", "queue.js", "idb.js", "icon.svg", "icon-192.png", "icon-512.png")
FOLDER = "dispatch/drive"
TEMPLATES = Path(__file__).parents[1] / "templates" / FOLDER
VERSION_HEADER = "Drive-Version"
# Where the phone is, and nothing else that a page could use.
POLICY = "camera=(), display-capture=(), geolocation=(self), microphone=(), payment=(), usb=()"


@cache
def version() -> str:
    """Return a digest of the page's files: with another one the phone loads them anew."""
    found = hashlib.sha256()
    static_files = [finders.find(f"{FOLDER}/{name}") for name in FILES]
    for path in (*static_files, *(TEMPLATES / name for name in ("page.html", "worker.js"))):
        found.update(Path(str(path)).read_bytes())
    return found.hexdigest()[:12]


def addresses() -> dict[str, str]:
    """Return the address of each file with its version, by its name as templates know it."""
    return {
        name.replace(".", "_").replace("-", "_"): f"{static(f'{FOLDER}/{name}')}?v={version()}"
        for name in FILES
    }


@ensure_csrf_cookie
@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the page, which is the same for everybody: no statement."""
    reasons = {reason.value: reason.label for reason in cancel_reasons.NO_SHOW}
    words = {**WORDS, "no_show_reasons": reasons, "decline_reasons": DECLINE_REASONS}
    context = {"files": addresses(), "words": words, "driving": say_straight()}
    response = render(request, "dispatch/drive/page.html", context)
    response["Permissions-Policy"] = POLICY
    response[VERSION_HEADER] = version()
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, secret: str) -> HttpResponse:
    """Ask whether this phone is the driver's; the answer uses the link up: 1 and 2 statements.

    Not at once: who sends links looks at them, and so do programs that show what is behind.
    """
    throttle, now = LinkThrottle(), timezone.now()
    if is_over(throttle, request):
        return _refused_link(request, _("Too many links were tried. Wait for an hour."), 429)
    try:
        if request.method == "POST":
            name = _name_of(request.headers.get("User-Agent", ""))
            _device, key = connect(secret, name=name, now=now)
            response = redirect("drive:page")
            remember(response, key)
            return response
        device = find_link(secret, now=now)
    except LinkRefused as refusal:
        throttle.note_refused(request)
        return _refused_link(request, str(refusal), refusal.status)
    context = {"files": addresses(), "driver": device.driver, "company": device.driver.company}
    return render(request, "dispatch/drive/link.html", context)


def _refused_link(request: HttpRequest, said: str, status: int) -> HttpResponse:
    context = {"files": addresses(), "said": said}
    return render(request, "dispatch/drive/link.html", context, status=status)


def _name_of(agent: str) -> str:
    """Return what dispatchers call a phone: its system and browser."""
    systems = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "Linux")
    browsers = {"SamsungBrowser": "Samsung", "Firefox": "Firefox", "FxiOS": "Firefox",
                "EdgA": "Edge", "Edg": "Edge", "CriOS": "Chrome", "Chrome": "Chrome",
                "Safari": "Safari"}  # fmt: skip
    system = next((name for name in systems if name in agent), "")
    browser = next((name for mark, name in browsers.items() if mark in agent), "")
    return " · ".join(filter(None, (system, browser)))


@never_cache
@require_POST
def sync(request: HttpRequest) -> HttpResponse:
    """Take in taps and positions, and tell the driver's day if it has changed.

    At most 6 statements without taps, see `take_in` for those of taps. 401 of a phone that is let
    in no more: it forgets everything.
    """
    device = device_of(request)
    if device is None:
        throttle = LinkThrottle()
        if is_over(throttle, request):  # not before: many phones may share an address
            return _problem(429, _("Too many requests of this address."))
        throttle.note_refused(request)
        return _problem(401, _("This phone is not connected. Ask the dispatcher for a link."))
    rate = PhoneThrottle()
    if not rate.allow_request(request, device):
        response = _problem(429, _("Too many requests of this phone."))
        response["Retry-After"] = str(rate.wait() or 60)
        return response
    with timezone.override(device.driver.company.zone):
        try:
            values = read_sync(_json(request))
        except BadRequest as refusal:
            return _problem(refusal.status, str(refusal))
        return _answered(device, values)


def _json(request: HttpRequest) -> Any:
    try:
        return StrictJSONParser().parse(request)
    except (ParseError, APIException) as error:
        raise BadRequest(str(error.detail)) from None


def _answered(device: Device, values: dict[str, Any]) -> HttpResponse:
    now = timezone.now()
    answers = _take_taps(device, values, now)
    ahead = values["sent_at"] - now
    positions = [
        (min(one["at"] - ahead, now), one["lat"], one["lon"])
        for one in values["positions"]
        if one["at"] <= values["sent_at"] + CLOCK_AHEAD
    ]
    if positions:
        note_position(Driver.objects.filter(pk=device.driver_id), positions)
    day = read_driver_day(device.driver, now=now)
    text = json.dumps([day, get_language()], sort_keys=True)
    tag = hashlib.sha256(text.encode()).hexdigest()[:32]
    return JsonResponse(
        {
            "now": now.isoformat(),
            "taps": [
                {"key": answer.key, "outcome": answer.outcome, "said": answer.said}
                for answer in answers
            ],
            "tag": tag,
            "day": None if values.get("seen") == tag else day,
        }
    )


def _take_taps(device: Device, values: dict[str, Any], now: Any) -> list[Answer]:
    """Take in what can be read of the taps, in order; answer the others too, where they have a key.

    A tap that cannot be read comes from another version of the page: refused, it blocks no other.
    """
    read, bad = [], []
    for data in values["taps"]:
        try:
            read.append(read_tap(data))
        except BadRequest as refusal:
            key = data.get("key", "") if isinstance(data, dict) else ""
            bad.append(Answer(str(key)[:36], Tap.Outcome.REFUSED, str(refusal)))
    return [*take_in(device, read, sent_at=values["sent_at"], now=now), *bad]


def _problem(status: int, detail: str) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status)


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """Return the service worker, which must stand in the folder that it serves."""
    files = [reverse("drive:manifest"), *addresses().values()]
    context = {"version": version(), "page": reverse("drive:page"), "files": json.dumps(files)}
    response = render(request, "dispatch/drive/worker.js", context, content_type="text/javascript")
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """Return what a phone needs to know to install the page."""
    files = addresses()
    sizes = {"icon_192_png": "192x192", "icon_512_png": "512x512"}
    icons = [
        {"src": files[name], "sizes": size, "type": "image/png", "purpose": purpose}
        for name, size in sizes.items()
        for purpose in ("any", "maskable")
    ]
    found = {
        "id": reverse("drive:page"),
        "name": _("Trips of today"),
        "short_name": _("Trips"),
        "lang": get_language(),
        "start_url": reverse("drive:page"),
        "scope": reverse("drive:page"),
        "display": "standalone",
        "orientation": "portrait",
        "background_color": "#ffffff",
        "theme_color": "#0b3d5c",
        "icons": icons,
    }
    return JsonResponse(found, content_type="application/manifest+json")
