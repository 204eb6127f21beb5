"""Admin pages of bookings, clients, the log and webhooks; Django imports only this package."""

from bookings.admin import bookings, places

__all__ = ["bookings", "places"]
