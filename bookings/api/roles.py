"""Roles that may read and write bookings in the API."""

from drivers.rest.access import CLIENTS, PLANNERS, STAFF

READERS = STAFF | CLIENTS
WRITERS = PLANNERS | CLIENTS
