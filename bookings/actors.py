"""The actor of a change made in the admin, for the event log."""

from bookings.models import Actor, Door


def admin_actor(request) -> Actor:
    return Actor(Door.ADMIN, name=request.user.get_username(), user_id=request.user.pk)
