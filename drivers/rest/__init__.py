"""Building blocks of the API for all apps: access, errors, fields, pages, idempotency."""
