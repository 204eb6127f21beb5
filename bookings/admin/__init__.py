"""Pages of bookings, clients, the log and webhooks; Django imports this package alone."""

from bookings.admin import bookings

__all__ = ["bookings"]
