"""Who gave the right password and still owes the second factor: kept in a session of nobody."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

WAITING = "waiting_for_factor"
INVITED = "invited"  # the key of the invitation that the session was opened with
LONGEST_S = 600  # from the password to the code


@dataclass(frozen=True, slots=True)
class Waiting:
    """A user whose password was right, and where the login leads."""

    user: User
    backend: str
    target: str


def keep_waiting(request: HttpRequest, user: Any, target: str) -> None:
    """Remember in a new session who gave the password; nobody is logged in."""
    invited = request.session.get(INVITED)
    request.session.flush()
    if invited:
        request.session[INVITED] = invited
    request.session[WAITING] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),
        "backend": user.backend,
        "at": timezone.now().timestamp(),
        "target": target,
    }


def who_waits(request: HttpRequest) -> Waiting | None:
    """Return who waits in this session, or None, after ten minutes too: at most 1 statement."""
    kept = request.session.get(WAITING)
    if kept is None or timezone.now().timestamp() - kept["at"] > LONGEST_S:
        return None
    user = get_user_model().objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or user.get_session_auth_hash() != kept["password"]:
        return None
    return Waiting(user, kept["backend"], kept["target"])
