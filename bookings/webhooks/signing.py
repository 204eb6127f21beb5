"""Secrets and signatures of webhooks, by the specification of standardwebhooks.com.

A secret is shown once and not stored: it is the HMAC of a random salt under SECRET_KEY. A new
SECRET_KEY therefore changes the secret of every webhook.
"""

import base64
import hmac
import secrets
from datetime import datetime, timedelta

from django.utils.crypto import salted_hmac

from bookings.models import Webhook

OVERLAP = timedelta(hours=24)


def new_salt() -> str:
    return secrets.token_hex(16)


def secret_of(salt: str) -> str:
    """Return the secret as receivers store it: `whsec_` and 32 bytes in base 64."""
    return "whsec_" + base64.b64encode(_key(salt)).decode()


def signatures(webhook: Webhook, message_id: str, body: bytes, *, now: datetime) -> str:
    """Return the header `webhook-signature`, with two signatures while a secret is replaced."""
    salts = [webhook.salt]
    if webhook.previous_salt and webhook.previous_until and webhook.previous_until > now:
        salts.append(webhook.previous_salt)
    signed = f"{message_id}.{int(now.timestamp())}.".encode() + body
    digests = (hmac.digest(_key(salt), signed, "sha256") for salt in salts)
    return " ".join("v1," + base64.b64encode(digest).decode() for digest in digests)


def change_secret(webhook: Webhook, *, now: datetime) -> str:
    """Replace the secret and return the new one; the old one signs too for 24 hours: 1 query."""
    webhook.previous_salt, webhook.previous_until = webhook.salt, now + OVERLAP
    webhook.salt = new_salt()
    webhook.save(update_fields=["salt", "previous_salt", "previous_until"])
    return secret_of(webhook.salt)


def _key(salt: str) -> bytes:
    return salted_hmac("bookings.webhooks", salt, algorithm="sha256").digest()
