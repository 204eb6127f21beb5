"""Send one message: an e-mail by the mail server, an SMS by the operator's gateway. No query.

The gateway is any server that takes a POST of {"id", "to", "text"} and answers 2xx. A message that
may have been sent is sent again with the same `id`, also in the header Idempotency-Key: the gateway
sends it once. What it has refused may come again with that `id` and other words. An e-mail has one
Message-ID, by which mailboxes recognise the second.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _
from django.utils.translation import override

from bookings.models import Channel, Message
from bookings.webhooks.sending import post
from dispatch.messages.texts import subject

KNOWN = 409  # the gateway has taken it before
# What is wrong with the message itself, or with its address: it would be so again.
HOPELESS = {400, 404, 410, 413, 422}
# Of a server in front of the gateway, or after a wait: it may have been taken all the same.
IN_DOUBT = {408, 502, 504}


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an attempt.

    `is_final`: trying again would not help. `is_refused`: it was certainly not taken; what is
    neither taken nor refused may have arrived. `error` names nobody.
    """

    is_taken: bool
    is_final: bool = False
    is_refused: bool = False
    error: str = ""
    asks_to_wait: timedelta = timedelta(0)


def send(message: Message) -> Sent:
    """Send a message, which comes with its company and policy. Errors of servers are not raised."""
    with override(message.company.message_policy.language):  # of errors, which the company reads
        return _send_mail(message) if message.channel == Channel.EMAIL else _send_sms(message)


def _send_mail(message: Message) -> Sent:
    if not settings.SENDS_MAIL:
        return Sent(False, True, True, _("This installation sends no e-mail."))
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip(" >") or "localhost"
    mail = EmailMessage(
        subject(message.company, message.language),
        message.text,
        to=[message.address],
        headers={"Message-ID": f"<{message.key}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    try:
        mail.send()
    except SMTPRecipientsRefused as refusal:
        codes = [code for code, _text in refusal.recipients.values()]
        return Sent(False, all(code >= 500 for code in codes), True, _("The address was refused."))
    except (SMTPException, OSError) as error:
        is_refused = isinstance(error, SMTPResponseException)
        # Its text may have the address.
        return Sent(False, is_refused=is_refused, error=type(error).__name__)
    return Sent(True)


def _send_sms(message: Message) -> Sent:
    if not settings.SMS_URL:
        return Sent(False, True, True, _("This installation sends no SMS."))
    body = {"id": message.key, "to": message.address, "text": message.text}
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Dispatchsite",
        "Authorization": f"Bearer {settings.SMS_SECRET}",
        "Idempotency-Key": message.key,
    }
    data = json.dumps(body, ensure_ascii=False).encode()
    answer = post(settings.SMS_URL, data, headers, within_s=settings.SMS_TIMEOUT_S)
    is_taken = answer.is_taken or answer.code == KNOWN
    is_refused = answer.code is not None and not is_taken and answer.code not in IN_DOUBT
    error = answer.failure or answer.error
    return Sent(is_taken, answer.code in HOPELESS, is_refused, error, answer.asks_to_wait)
