"""Where moments stand on the drawn timeline, and how they are written."""

from datetime import UTC, timedelta

from django.utils.formats import get_format
from django.utils.translation import gettext as _

from bookings.models import Status


class Scale:
    """Converts moments to percent of the drawn period, and to local clock times."""

    def __init__(self, board):
        self.company, self.day = board.company, board.day
        self.from_at, self.until_at = board.from_at, board.until_at
        self.total_s = (board.until_at - board.from_at).total_seconds()
        # Translated once, not once a trip.
        self.status = {status: str(status.label) for status in Status}
        self.empty = _("%(minutes)d min, %(km)s km without passengers")
        self.decimal = get_format("DECIMAL_SEPARATOR")

    def percent(self, length):
        return round(100 * length.total_seconds() / self.total_s, 3)

    def at(self, moment):
        """Return the position. Returns None outside the period."""
        if not self.from_at <= moment < self.until_at:
            return None
        return self.percent(moment - self.from_at)

    def span(self, start_at, end_at, narrowest=0):
        """Return {"left", "width"} of the part inside the period. Returns None if there is none."""
        start, end = max(start_at, self.from_at), min(end_at, self.until_at)
        if start >= end and not (narrowest and self.from_at <= start < self.until_at):
            return None
        width = max(self.percent(end - start), narrowest)
        return {"left": self.percent(start - self.from_at), "width": width}

    def clock(self, moment):
        """Return a local clock time, with the date if that is not the day's."""
        return self.company.clock(moment, self.day)

    def number(self, value):
        return f"{value:.1f}".replace(".", self.decimal)

    def hours(self):
        """Return the hour lines, 23 or 25 on some days; a repeated hour shows its offset."""
        hour, moment, found, seen = timedelta(hours=1), self.from_at, [], set()
        while moment < self.until_at:
            local = self.company.local(moment)
            text = f"{local:%H}"
            if (local.date(), text) in seen:
                text += f" {local:%Z}"
            seen.add((local.date(), f"{local:%H}"))
            found.append({"left": self.percent(moment - self.from_at), "text": text})
            moment = (moment.astimezone(UTC) + hour).astimezone(moment.tzinfo)
        return found
