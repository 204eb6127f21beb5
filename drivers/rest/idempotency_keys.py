"""Claim, complete and release the idempotency keys of API callers."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from drivers.models import StoredAnswer
from drivers.refused import Refused

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
# A request without a response after this time has died; longer than the longest search.
CLAIM = timedelta(minutes=10)


class KeyInUse(Refused):
    """A request with this idempotency key is still in progress."""

    code = "key_in_use"
    status = 409

    def __init__(self):
        super().__init__(_("A request with this key is still in progress. Try again in a moment."))


class KeyReused(Refused):
    """The idempotency key was used for another request; in `errors`."""

    code = "key_reused"
    status = 422
    field = HEADER

    def __init__(self):
        super().__init__(_("This key was already used for a different request. Use a new key."))


def claim_key(company, caller, key, fingerprint, *, now: datetime) -> tuple[StoredAnswer, bool]:
    """Return the key's row and whether the caller is to execute the request.

    1 query for a new key, 2 or 3 for a known one. Of concurrent requests one executes. Raises
    KeyInUse or KeyReused.
    """
    identity = {"company": company, "caller": caller, "key": key}
    values = {"fingerprint": fingerprint, "begun_at": now}
    try:
        with transaction.atomic():
            return StoredAnswer.objects.create(**identity, **values), True
    except IntegrityError:
        stored = StoredAnswer.objects.filter(**identity).first()
    if stored is None:  # released between the two queries
        raise KeyInUse
    if _is_over(stored, now):
        expired = StoredAnswer.objects.filter(pk=stored.pk, begun_at=stored.begun_at)
        if not expired.update(**values, status=None, headers={}, body=None):
            raise KeyInUse
        stored.begun_at = now
        return stored, True
    if stored.fingerprint != fingerprint:
        raise KeyReused
    if stored.status is None:
        raise KeyInUse
    return stored, False


def _is_over(answer, now):
    return answer.begun_at <= now - (KEPT if answer.status else CLAIM)


def store_answer(answer: StoredAnswer, *, status: int, headers: dict, body) -> bool:
    """Store the response; returns False if another request has taken over the key: 1 query."""
    claimed = StoredAnswer.objects.filter(pk=answer.pk, begun_at=answer.begun_at, status=None)
    return bool(claimed.update(status=status, headers=headers, body=body))


def release_key(answer: StoredAnswer, *, even_if_answered=False) -> None:
    """Release the key of a request that changed nothing: 1 query."""
    claimed = StoredAnswer.objects.filter(pk=answer.pk, begun_at=answer.begun_at)
    (claimed if even_if_answered else claimed.filter(status=None)).delete()


def clear_idempotency_keys(*, now: datetime) -> int:
    """Delete the expired keys and return how many: 1 query."""
    return StoredAnswer.objects.filter(begun_at__lte=now - KEPT).delete()[0]
