"""Offer times for a trip that is about to be booked, while the caller waits."""

from datetime import datetime

from django.utils.translation import gettext as _

from bookings.models import Booking
from bookings.offered_times import Offered, OfferedTime
from dispatch.day.off_road import unreached
from dispatch.day.travel_times import driving, say_driving
from dispatch.trips.advice.advise import imagined, why_not
from dispatch.trips.new_times import AROUND, Appointment, nearest
from drivers.models import Company


def offer_times(company: Company, booking: Booking, *, now: datetime) -> Offered:
    """Find the times nearest to the wanted one at which a driver is free: 5 statements at most.

    Nobody's other trips move, and the appointment is kept. Without any, say why: no more statement.
    """
    day, row = imagined(company, booking, now=now)
    around = max(row.scheduled_time, now)
    lost = unreached(company, day.problem.travel, [row])
    found = () if lost else nearest(day, row, (), around, Appointment.STAYS)
    said = say_driving(driving(day.problem.travel))
    if found:
        times = [OfferedTime(one.pickup_at, one.dropoff_at, one.driver) for one in found]
        return Offered(times, driving=said)
    none = _("Nobody can drive this trip from %(from)s to %(until)s.") % {
        "from": company.clock(max(day.start_at, now, around - AROUND)),
        "until": company.clock(min(day.end_at, around + AROUND), day.day),
    }
    why = why_not(day, row)
    return Offered((), f"{none} {why.detail}" if why else none, driving=said)
