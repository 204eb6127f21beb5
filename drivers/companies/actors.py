"""Who makes a change, and through which door: what the event log keeps of them."""

from dataclasses import dataclass

from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class Door(models.TextChoices):
    """The entry point (door) through which a change came in."""

    ADMIN = "admin", _("admin")
    API = "api", _("API")
    COMMAND = "command", _("command line")
    WORKER = "worker", _("background worker")
    PHONE = "phone", _("driver's phone")
    TRIP_PAGE = "trip_page", _("page of the trip")
    WARD_PAGE = "ward_page", _("page of a ward")


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of a change: a user or a named system (token, import, run), and the door used."""

    door: Door
    name: str = ""
    user_id: int | None = None


def admin_actor(request: HttpRequest) -> Actor:
    """Return the actor of a change made in the admin or on the board."""
    return Actor(Door.ADMIN, name=request.user.get_username(), user_id=request.user.pk)
