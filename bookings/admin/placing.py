"""The choice of places for the addresses of an imported file that have no position."""

import json

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from bookings import parsing
from bookings.places.known import Place
from drivers.admin.places import PlaceInput

SHOWN = 150  # addresses: five fields each, and Django reads a thousand
PREFIX = "places"


class PlaceChoice(forms.Form):
    """Which place an address is: one that was found, or another one that is searched here."""

    address = forms.CharField(widget=forms.HiddenInput)
    match = forms.CharField(required=False, widget=UnfoldAdminSelectWidget)
    other_address = forms.CharField(
        label=gettext_lazy("Another place"), max_length=200, required=False, widget=PlaceInput
    )
    other_lat = forms.FloatField(required=False, widget=forms.HiddenInput)
    other_lon = forms.FloatField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args, found=None, company=None, **kwargs):
        super().__init__(*args, **kwargs)
        if company:
            self.fields["other_address"].widget.search_for(company)
        self.found = None
        if found:
            self.offer(found)

    def offer(self, found):
        """Offer the places that were found for the address."""
        self.found = found
        self.fields["match"].widget.choices = _offers(found)

    @cached_property
    def place(self):
        """Return the chosen place, or None."""
        values = self.cleaned_data
        if values["other_address"]:
            return Place(values["other_address"], values["other_lat"], values["other_lon"])
        return values["match"]

    def clean_match(self):
        try:
            return _place(self.cleaned_data["match"])
        except (ValueError, TypeError):
            raise forms.ValidationError(_("Choose one of the places that are offered.")) from None

    def clean(self):
        super().clean()
        values = self.cleaned_data
        lat, lon = values.get("other_lat"), values.get("other_lon")
        if values.get("other_address") and (lat is None or lon is None):
            problem = _("Choose one that is offered, or on the map: its position is needed.")
            self.add_error("other_address", problem)
        elif lat is not None and lon is not None and not (abs(lat) <= 90 and abs(lon) <= 180):
            self.add_error("other_address", _("This position is nowhere on earth."))
        return values


def _place(text):
    """Return the Place of an offer. Raises ValueError or TypeError."""
    if not text:
        return None
    address, lat, lon = json.loads(text)
    if not isinstance(address, str):
        raise TypeError
    return Place(address[:200], parsing.latitude(str(lat)), parsing.longitude(str(lon)))


def _value(place):
    return json.dumps([place.address, place.lat, place.lon], ensure_ascii=False)


def _offers(found):
    """Return the choices of the select: what is offered, and what somebody has searched."""
    offers: dict[str, str] = {}
    for match in found.found.matches:
        text = _("%(address)s – %(score)s %%") % {
            "address": match.address,
            "score": min(100, round(100 * match.score)),
        }
        if not match.is_exact:
            text = _("%(match)s, the street without the house") % {"match": text}
        offers.setdefault(_value(match), text)
    if found.place:
        offers.setdefault(_value(found.place), found.place.address)
    return [("", _("choose …") if offers else _("nothing was found")), *offers.items()]


class _Choices(forms.BaseFormSet):
    def __init__(self, *args, found=(), company=None, **kwargs):
        self.found, self.company = found, company
        super().__init__(*args, **kwargs)

    def get_form_kwargs(self, index):
        known = index is not None and index < len(self.found)
        return {"found": self.found[index] if known else None, "company": self.company}

    def with_offers(self, addresses):
        """Return it with what was found for the addresses that were sent."""
        by_address = {one.address: one for one in addresses}
        for form in self:
            if found := by_address.get(form["address"].value()):
                form.offer(found)
        return self


ChoiceFormSet = forms.formset_factory(
    PlaceChoice, _Choices, extra=0, max_num=SHOWN, absolute_max=SHOWN
)


def sent_choices(data):
    """Return the formset of what somebody has sent, or None if there was nothing to choose."""
    return ChoiceFormSet(data, prefix=PREFIX) if f"{PREFIX}-TOTAL_FORMS" in data else None


def shown_choices(company, addresses):
    """Return a formset of `AddressOfFile`: what has to be chosen first, then the least sure."""
    ranked = sorted(addresses, key=lambda one: (one.place is not None, one.score or 0))[:SHOWN]
    initial = [
        {"address": one.address, "match": _value(one.place) if one.place else ""} for one in ranked
    ]
    options = {"found": ranked, "company": company}
    return ChoiceFormSet(initial=initial, prefix=PREFIX, **options)


def chosen_places(formset):
    """Return {address: Place} of a valid formset."""
    chosen = ((form.cleaned_data.get("address"), form.place) for form in formset)
    return {address: place for address, place in chosen if address and place}
