"""Sample a share of the requests: the outermost middleware, so that all of a request is seen.

Off unless `PERF["SAMPLE"]` is more than 0. What a streamed response asks of the database while it
is sent is not seen.
"""

from random import random

from django.core.exceptions import MiddlewareNotUsed

from perf.sampling.options import read_options
from perf.sampling.sample import Sampling


class SamplingMiddleware:
    def __init__(self, get_response, share=None):
        self.share = read_options().sample if share is None else share
        if not self.share:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request):
        if random() >= self.share:
            return self.get_response(request)
        with Sampling(lambda: door_of(request)):
            return self.get_response(request)


def door_of(request) -> str:
    """Return the method and the route, without what stood in it: "GET bookings/<int:pk>/"."""
    match = getattr(request, "resolver_match", None)
    return f"{request.method} {match.route if match else '?'}"[:200]
