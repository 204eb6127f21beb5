"""Who may read and write bookings, and as whom the log tells of it."""

from bookings.models import Actor, Door
from drivers.rest.access import CLIENTS, PLANNERS, STAFF, caller_of

READERS = STAFF | CLIENTS
WRITERS = PLANNERS | CLIENTS


def actor_of(request):
    return Actor(Door.API, name=caller_of(request).name[:100], user_id=request.user.pk)
