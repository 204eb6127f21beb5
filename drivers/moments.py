"""How times are written for machines."""

from datetime import UTC


def moment(value):
    """Write a time as the API does: UTC, whole microseconds, `Z`."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
