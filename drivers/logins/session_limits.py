"""End sessions that nobody uses, and those that are old (SESSION_IDLE_MIN, SESSION_HOURS).

Those without the second factor that SECOND_FACTOR_ROLES asks of a role end within a minute of use,
as after a change of the setting or of the role.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from drivers.logins.second_factor import has_factor, must_have_factor

BEGAN, USED = "began", "used"  # keys of the session, in seconds since 1970
NOTED_EVERY_S = 60  # so that a page that reads does not write

View = TypeVar("View", bound=Callable[..., HttpResponse])


def asked_by_itself(view: View) -> View:
    """Mark a view that pages ask without anybody at them: it keeps no session alive."""
    view.asked_by_itself = True  # type: ignore[attr-defined]  # a mark on a function
    return view


def begin_session(sender: Any, request: Any, **kwargs: Any) -> None:
    request.session[BEGAN] = request.session[USED] = timezone.now().timestamp()


user_logged_in.connect(begin_session, dispatch_uid="begin session")


class SessionLimitsMiddleware:
    """Log out who has done nothing for long, or logged in long ago.

    No statement, but once a minute one that notes the use, and at most 2 that ask for the factor.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: Any, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> None:
        session = request.session
        if not session.get("_auth_user_id"):
            return
        now = timezone.now().timestamp()
        # A session from before these limits begins with them.
        began, used = session.setdefault(BEGAN, now), session.setdefault(USED, now)
        if now - began > settings.SESSION_COOKIE_AGE or now - used > settings.SESSION_IDLE_MIN * 60:
            logout(request)
            messages.info(request, _("The session has ended. Please log in again."))
        elif now - used > NOTED_EVERY_S and not getattr(view, "asked_by_itself", False):
            if must_have_factor(request.user) and not has_factor(request.user):
                logout(request)  # the login leads to where it is set up
                messages.info(request, _("Your role logs in with a second factor only."))
            else:
                session[USED] = now
