"""The field of an address that offers places while somebody types (static/drivers/places.js)."""

from urllib.parse import urlencode

from django.forms import CharField, Media
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

SEARCH = "admin:bookings_booking_telephone_places"


class PlaceInput(UnfoldAdminTextInputWidget):
    """A combobox: a place that is chosen fills in latitude and longitude too.

    Their fields have the name of this one, with "lat" and "lon" instead of "address".
    """

    company = ""

    def search_for(self, company):
        """Search the places of this company, not of the current one."""
        self.company = company.slug

    @property
    def media(self):
        return Media(css={"all": ["drivers/places.css"]}, js=["drivers/places.js"])

    def build_attrs(self, base_attrs, extra_attrs=None):
        asked = f"?{urlencode({'company': self.company})}" if self.company else ""
        return super().build_attrs(base_attrs, extra_attrs) | {
            "data-places": reverse(SEARCH) + asked,
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
