"""Who acts in the admin, as the event log calls them."""

from bookings.models import Actor, Door


def admin_actor(request) -> Actor:
    return Actor(Door.ADMIN, name=request.user.get_username(), user_id=request.user.pk)
