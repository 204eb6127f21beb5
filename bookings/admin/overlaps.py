"""The checkbox that answers whether a client is meant to be driven twice at once."""

from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldBooleanWidget

from bookings.overlaps import OVERLAP_MEANT, trips_asked
from drivers.admin.forms import ConfirmsFarPlaces, labelled

IS_ANOTHER = _("It is for another person of that name: book it as it is.")


class ConfirmsOverlaps(ConfirmsFarPlaces):
    """Mixin for a form that books trips: asked about others at the same time, it shows a checkbox.

    Its value are the ids of just these trips: about any other one it is asked again.
    """

    @property
    def overlaps_meant(self):
        return ids_meant(self.data.get(OVERLAP_MEANT))

    def ticks(self, asked):
        if not (trips := trips_asked(asked)):
            return super().ticks(asked)
        box = UnfoldBooleanWidget(check_test=lambda _value: trips <= self.overlaps_meant)
        value = " ".join(map(str, sorted(trips)))
        return [*super().ticks(asked), labelled(box.render(OVERLAP_MEANT, value), IS_ANOTHER)]


def ids_meant(value):
    """Return the ids that a ticked checkbox has sent; whatever else it sends means none."""
    words = (value or "").split()
    return frozenset(int(word) for word in words if word.isdecimal())
