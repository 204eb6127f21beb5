"""Roles that may read and write bookings in the API, and the actor for the event log."""

from bookings.models import Actor, Door
from drivers.rest.access import CLIENTS, PLANNERS, STAFF, caller_of

READERS = STAFF | CLIENTS
WRITERS = PLANNERS | CLIENTS


def actor_of(request):
    return Actor(Door.API, name=caller_of(request).name[:100], user_id=request.user.pk)
