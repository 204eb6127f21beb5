"""`Idempotency-Key`: execute a repeated request once and repeat its response.

A key belongs to the caller for 24 hours. The response of a successful request is stored in the
transaction of its changes; a refused request changes nothing and releases the key.
"""

import hashlib
import json
from functools import partial

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from drivers.rest.access import caller_id, caller_of
from drivers.rest.idempotency_keys import HEADER, KeyInUse, claim_key, release_key, store_answer

KEPT_HEADERS = ("Location", "ETag", "Preference-Applied", "Retry-After")


def commits_itself(view=None, *, undone=()):
    """Mark a method that commits by itself, so that it cannot run in another transaction.

    With a key it gets `keep`, to be called with the response: inside its transaction if it can.
    `undone` are exceptions after which nothing was changed, even if the response was stored.
    """
    if view is None:
        return partial(commits_itself, undone=undone)
    view.commits_itself, view.undone = True, undone
    return view


def not_kept(response):
    """Keep no response: the `keep` of a request without a key."""


class Idempotent:
    """A view all of whose POSTs honour the key: 2 statements more with a key, else none.

    `secrets` are the members of responses that are shown once and stored nowhere: a repeated
    response has "" in their place.
    """

    secrets: tuple[str, ...] = ()

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and self.action and HEADER in request.headers:
            self.post = partial(self._once, self.post)

    def _once(self, view, request, *args, **kwargs):
        answer, is_new = claim_key(
            caller_of(request).company,
            caller_id(request),
            _checked(request.headers[HEADER]),
            _fingerprint(request),
            now=timezone.now(),
        )
        if not is_new:
            headers = {**answer.headers, "Idempotent-Replayed": "true"}
            return Response(answer.body, status=answer.status, headers=headers)
        keep = partial(_keep, answer, self.secrets)
        try:
            if getattr(view, "commits_itself", False):
                return view(request, *args, keep=keep, **kwargs)
            with transaction.atomic():
                response = view(request, *args, **kwargs)
                keep(response)
            return response
        except BaseException as error:
            release_key(answer, even_if_answered=isinstance(error, getattr(view, "undone", ())))
            raise


def _keep(answer, secrets, response):
    """Store the response. Raises KeyInUse if another request has taken over the key."""
    body = response.data
    if secrets and isinstance(body, dict):
        body = {**body, **dict.fromkeys(body.keys() & set(secrets), "")}
    done = store_answer(
        answer,
        status=response.status_code,
        headers={name: response[name] for name in KEPT_HEADERS if name in response},
        body=json.loads(json.dumps(body, cls=JSONEncoder)),
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
