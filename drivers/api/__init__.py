"""The fleet in the API."""

from drivers.api.fleet import register_routes

__all__ = ["register_routes"]
