"""`Idempotency-Key`: execute a repeated request once and repeat its response.

A key belongs to the caller for 24 hours. The response of a successful request is stored in the
transaction of its changes; a refused request changes nothing and releases the key.
"""

import hashlib
import json
from functools import partial, wraps

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from drivers.rest.access import caller_id, caller_of
from drivers.rest.errors import register
from drivers.rest.idempotency_keys import KeyInUse, KeyReused, claim_key, release_key, store_answer

HEADER = "Idempotency-Key"
KEPT_HEADERS = ("Location", "ETag", "Preference-Applied")

register(KeyInUse, 409, "key_in_use")
register(KeyReused, 422, "key_reused", field=HEADER)


def idempotent(view=None, *, keeps=False, undone=()):
    """Decorate a method of a view to honour the key: 2 statements more with a key, else none.

    `keeps=True` is for a method that commits by itself: it gets `keep`, to be called with the
    response inside its transaction. `undone` are exceptions after which nothing was changed, even
    if the response was stored.
    """
    if view is None:
        return lambda view: idempotent(view, keeps=keeps, undone=undone)

    @wraps(view)
    def once(self, request, *args, **kwargs):
        key = request.headers.get(HEADER)
        if key is None:
            if keeps:
                kwargs["keep"] = lambda response: None
            return view(self, request, *args, **kwargs)
        answer, is_new = claim_key(
            caller_of(request).company,
            caller_id(request),
            _checked(key),
            _fingerprint(request),
            now=timezone.now(),
        )
        if not is_new:
            headers = {**answer.headers, "Idempotent-Replayed": "true"}
            return Response(answer.body, status=answer.status, headers=headers)
        keep = partial(_keep, answer)
        try:
            if keeps:
                return view(self, request, *args, keep=keep, **kwargs)
            with transaction.atomic():
                response = view(self, request, *args, **kwargs)
                keep(response)
            return response
        except BaseException as error:
            release_key(answer, even_if_answered=isinstance(error, undone))
            raise

    once.is_idempotent = True
    return once


def _keep(answer, response):
    """Store the response. Raises KeyInUse if another request has taken over the key."""
    done = store_answer(
        answer,
        status=response.status_code,
        headers={name: response[name] for name in KEPT_HEADERS if name in response},
        body=json.loads(json.dumps(response.data, cls=JSONEncoder)),
    )
    if not done:
        raise KeyInUse


def _checked(key):
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise ValidationError({HEADER: [_("Must be 1 to 255 printable ASCII characters.")]})
    return key


def _fingerprint(request):
    text = json.dumps([request.method, request.path, request.data], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
