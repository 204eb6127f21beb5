"""Bookings and clients, their event log, imports and webhooks."""
