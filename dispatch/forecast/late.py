"""Read which trips are late, of what the worker keeps."""

from datetime import datetime, timedelta

from dispatch.models import Assignment, is_foreseen
from drivers.models import Company

MOST = 20
LOST = timedelta(hours=1)  # whoever has waited so long has been called


def late_trips(company: Company, *, now: datetime) -> dict[int, datetime]:
    """Return the late trips that have not begun, with their expected pickups: 1 statement.

    Those expected first, at most `MOST`, and none that were planned more than an hour ago. None
    while no worker keeps the forecast.
    """
    rows = Assignment.objects.filter(
        is_foreseen(now),
        company=company,
        status=Assignment.Status.PLANNED,
        planned_pickup_at__gt=now - LOST,
        expected__is_late=True,
    )
    found = rows.order_by("expected__pickup_at", "id")[:MOST]
    return dict(found.values_list("booking_id", "expected__pickup_at"))
