"""The field of an address that offers places while somebody types (static/drivers/places.js).

Its button opens a map on which the position is picked or corrected (static/drivers/places_map.js).
"""

from urllib.parse import urlencode

from django.forms import CharField, Media
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

SEARCH = "admin:bookings_booking_telephone_places"
MAP = "admin:bookings_booking_telephone_map"


class PlaceInput(UnfoldAdminTextInputWidget):
    """A combobox: a place that is chosen fills in latitude and longitude too.

    Their fields have the name of this one, with "lat" and "lon" instead of "address".
    """

    company = ""
    template_name = "drivers/place.html"

    def search_for(self, company):
        """Search the places of this company, not of the current one."""
        self.company = company.slug

    @property
    def media(self):
        return Media(
            css={"all": ["drivers/places.css"]}, js=["drivers/places.js", "drivers/places_map.js"]
        )

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        context["widget"]["map"] = self._of_company(MAP)
        return context

    def _of_company(self, view):
        asked = f"?{urlencode({'company': self.company})}" if self.company else ""
        return reverse(view) + asked

    def build_attrs(self, base_attrs, extra_attrs=None):
        return super().build_attrs(base_attrs, extra_attrs) | {
            "data-places": self._of_company(SEARCH),
            "role": "combobox",
            "aria-autocomplete": "list",
            "aria-expanded": "false",
            "autocomplete": "off",
        }


def place_search():
    """Return a field that fills in a latitude and a longitude, and is not stored itself."""
    return CharField(
        label=_("Search an address"),
        required=False,
        max_length=200,
        widget=PlaceInput,
        help_text=_("Choose one that is offered: it fills in latitude and longitude."),
    )
