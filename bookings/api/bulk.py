"""Bulk creation of bookings in the API: request, response and errors of rows."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from bookings.api.places import MatchSerializer
from bookings.api.serializers import BookingSerializer
from bookings.intake import MOST
from bookings.models import Booking
from bookings.places.many import Found, search_many
from drivers.db.folding import fold
from drivers.rest.fields import Body, WholeField
from drivers.rest.schema import FieldErrorSerializer

FIND = ("suggest", "accept")
UNCLEAR = "place_unclear"


class BulkSerializer(Body):
    mode = serializers.ChoiceField(
        choices=["all", "partial"],
        default="all",
        help_text=gettext_lazy(
            "`all`: one invalid booking rejects the whole request. "
            "`partial`: only the invalid bookings are rejected."
        ),
    )
    find_places = serializers.ChoiceField(
        choices=FIND,
        required=False,
        help_text=gettext_lazy(
            "Search the address of an end that has no latitude and longitude. `suggest`: such a "
            "booking is refused with the places that are likely. `accept`: a place that is "
            "surely meant is taken; a booking whose place is not sure is refused likewise."
        ),
    )
    customer = WholeField(
        min_value=1,
        required=False,
        help_text=gettext_lazy("Who owns the bookings; the default customer if it is left out."),
    )
    bookings = BookingSerializer(many=True)


class PlacesOfEndSerializer(serializers.Serializer):
    field = serializers.ChoiceField(choices=[f"{end}address" for end in Booking.ENDS])
    is_sure = serializers.BooleanField(
        help_text=gettext_lazy("Whether the first is surely meant: `accept` takes it.")
    )
    matches = MatchSerializer(many=True)


class BulkRowSerializer(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=["created", "known", "refused"])
    id = serializers.IntegerField(allow_null=True)
    reference = serializers.CharField(allow_null=True)
    errors = FieldErrorSerializer(many=True)
    places = PlacesOfEndSerializer(
        many=True,
        required=False,
        help_text=gettext_lazy("With `find_places`: what was found, of each address searched."),
    )


class BulkResultSerializer(serializers.Serializer):
    created = serializers.IntegerField()
    known = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = BulkRowSerializer(many=True)


def bulk_body(data):
    """Return (rows, mode, how to find places or None, the named customer) of the body."""
    if not isinstance(data, dict) or not isinstance(data.get("bookings"), list):
        raise ValidationError({"bookings": [_("Send an object with a list of bookings.")]})
    if unknown := sorted(data.keys() - {"mode", "find_places", "customer", "bookings"}):
        known = "mode, find_places, customer, bookings"
        problem = _("Unknown field; known fields: %(known)s.") % {"known": known}
        raise ValidationError({name[:100]: [ErrorDetail(problem, "unknown")] for name in unknown})
    rows, mode, find = data["bookings"], data.get("mode", "all"), data.get("find_places")
    if mode not in ("all", "partial"):
        raise ValidationError({"mode": [_("Must be “all” or “partial”.")]})
    if "find_places" in data and find not in FIND:
        raise ValidationError({"find_places": [_("Must be “suggest” or “accept”.")]})
    if not 1 <= len(rows) <= MOST:
        raise ValidationError({"bookings": [_("Send 1 to %(most)d bookings.") % {"most": MOST}]})
    return rows, mode, find, _customer(data)


def find_positions(company, rows, find, *, customer=None):
    """Return (rows with the positions that are sure, what was found by row).

    What was found is {position of the row: {field of an address: Found}}. 10 statements, none if
    every address has its position. With "suggest" no position is taken.
    """
    wanted = {
        (i, f"{end}address"): text
        for i, row in enumerate(rows)
        for end in Booking.ENDS
        if find and (text := _unplaced(row, end))
    }
    found = search_many(company, wanted.values(), customer=customer) if wanted else {}
    rows = list(rows)
    by_row: dict[int, dict[str, Found]] = {}
    for (i, field), text in wanted.items():
        one = by_row.setdefault(i, {})[field] = found[fold(text)]
        if one.sure and find == "accept":
            end = field.removesuffix("address")
            rows[i] = {**rows[i], f"{end}lat": one.sure.lat, f"{end}lon": one.sure.lon}
    return rows, by_row


def _unplaced(row, end):
    """Return the address of an end without a position, or None."""
    text = row.get(f"{end}address") if isinstance(row, dict) else None
    gone = (
        not any(row.get(f"{end}{what}") is not None for what in ("lat", "lon")) if text else False
    )
    return text if gone and isinstance(text, str) and text.strip() else None


def unclear_places(row, found):
    """Return the errors {field: [(code, sentence)]} of addresses whose position was not taken."""
    problem = _("Send the latitude and longitude of the place that is meant, see “places”.")
    none = _("No place has this address: correct it, or send its latitude and longitude.")
    return {
        field: [(UNCLEAR, problem if one.matches else none)]
        for field, one in found.items()
        if row.get(f"{field.removesuffix('address')}lat") is None
    }


def described(found):
    """Return what was found for the addresses of a row, for the answer."""
    return [
        {
            "field": field,
            "is_sure": one.sure is not None,
            "matches": [match.as_dict() for match in one.matches],
        }
        for field, one in found.items()
    ]


def _customer(data):
    if data.get("customer") is None:
        return None
    try:
        return WholeField(min_value=1).run_validation(data["customer"])
    except ValidationError as error:
        raise ValidationError({"customer": error.detail}) from None
