"""The pages of clients: they ask before a forbidden driver takes the client's trips away."""

from bookings.admin import clients
from dispatch.admin.broken_trips import WarnsOfBrokenTrips


class ClientAdmin(WarnsOfBrokenTrips, clients.ClientAdmin):
    def merge(self, request, *args, **kwargs):
        return self._asking(request, super().merge, *args, **kwargs)
