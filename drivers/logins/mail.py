"""Send mails beside the request: its time must not say whether there was anybody to write to."""

import logging
import threading
from collections.abc import Callable, Iterable
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.db import connections
from django.utils.translation import get_language, override

logger = logging.getLogger(__name__)

Mail = tuple[str, str, list[str]]  # subject, text, receivers


def send_apart(write: Callable[[], Iterable[Mail]]) -> None:
    """Look up and send the mails that `write` returns, in a thread of its own.

    `write` runs there too, in the language of this request. Without EMAIL_URL nothing is done.
    """
    if settings.SENDS_MAIL:
        run_apart(_send, write, get_language() or settings.LANGUAGE_CODE)


def run_apart(work: Callable[..., None], *values: object) -> None:
    threading.Thread(target=_closing, args=(work, *values), daemon=True).start()


def _closing(work: Callable[..., None], *values: object) -> None:
    try:
        work(*values)
    finally:
        connections.close_all()


def _send(write: Callable[[], Iterable[Mail]], language: str) -> None:
    with override(language):
        for subject, text, receivers in write():
            try:
                send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, receivers)
            except (SMTPException, OSError) as error:
                logger.error("A mail could not be sent: %s", error)
