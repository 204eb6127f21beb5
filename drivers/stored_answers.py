"""An answer of the API, kept under the client's `Idempotency-Key`: sent twice, done once."""

from datetime import datetime, timedelta

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from drivers.models import Company

KEPT = timedelta(hours=24)
# Whoever began and did not answer by then is dead; longer than the longest search.
CLAIM = timedelta(minutes=10)


class KeyInUse(Exception):
    """Another request with this key is under way."""

    def __init__(self):
        super().__init__(_("A request with this key is under way; ask again in a moment."))


class KeyReused(Exception):
    """The key was used for another request."""

    def __init__(self):
        super().__init__(_("This key was used for another request; take a new one."))


class StoredAnswer(models.Model):
    """What was answered to the first request with a key; without a `status` it is under way.

    `caller` is the token or the user, `fingerprint` a digest of the request.
    """

    company = models.ForeignKey(Company, models.CASCADE, db_index=False, related_name="+")
    caller = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    begun_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.JSONField(null=True)

    class Meta:
        verbose_name = gettext_lazy("stored answer")
        verbose_name_plural = gettext_lazy("stored answers")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "caller", "key"], name="stored_answer_key_unique"
            ),
        ]

    def __str__(self):
        return f"{self.caller} {self.key} {self.status or ''}"

    def is_over(self, now):
        return self.begun_at <= now - (KEPT if self.status else CLAIM)


def begin(company, caller, key, fingerprint, *, now: datetime) -> tuple[StoredAnswer, bool]:
    """Return (the answer of this key, whether it is to be made now): 1 query, or 2 or 3 with
    a key seen before. Of many at once, one is to make it.

    Raises KeyInUse or KeyReused.
    """
    mine = {"company": company, "caller": caller, "key": key}
    values = {"fingerprint": fingerprint, "begun_at": now}
    try:
        with transaction.atomic():
            return StoredAnswer.objects.create(**mine, **values), True
    except IntegrityError:
        found = StoredAnswer.objects.filter(**mine).first()
    if found is None:  # given up between the two
        raise KeyInUse
    if found.is_over(now):
        again = StoredAnswer.objects.filter(pk=found.pk, begun_at=found.begun_at)
        if not again.update(**values, status=None, headers={}, body=None):
            raise KeyInUse
        found.begun_at = now
        return found, True
    if found.fingerprint != fingerprint:
        raise KeyReused
    if found.status is None:
        raise KeyInUse
    return found, False


def complete(answer: StoredAnswer, *, status: int, headers: dict, body) -> bool:
    """Keep the answer; False where somebody else took the key over meanwhile: 1 query."""
    mine = StoredAnswer.objects.filter(pk=answer.pk, begun_at=answer.begun_at, status=None)
    return bool(mine.update(status=status, headers=headers, body=body))


def give_up(answer: StoredAnswer) -> None:
    """Free the key: nothing was done under it. 1 query."""
    StoredAnswer.objects.filter(pk=answer.pk, begun_at=answer.begun_at, status=None).delete()


def clear_answers(*, now: datetime) -> int:
    """Delete the answers that are no longer kept; return how many: 1 query."""
    return StoredAnswer.objects.filter(begun_at__lte=now - KEPT).delete()[0]
