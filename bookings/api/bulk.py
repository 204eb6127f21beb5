"""Bulk creation of bookings in the API: request, response and errors of rows."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from bookings.api.serializers import BookingSerializer
from bookings.intake import MOST
from drivers.rest.fields import Body
from drivers.rest.schema import FieldErrorSerializer


class BulkSerializer(Body):
    mode = serializers.ChoiceField(
        choices=["all", "partial"],
        default="all",
        help_text=gettext_lazy(
            "`all`: one invalid booking rejects the whole request. "
            "`partial`: only the invalid bookings are rejected."
        ),
    )
    bookings = BookingSerializer(many=True)


class BulkRowSerializer(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=["created", "known", "refused"])
    id = serializers.IntegerField(allow_null=True)
    reference = serializers.CharField(allow_null=True)
    errors = FieldErrorSerializer(many=True)


class BulkResultSerializer(serializers.Serializer):
    created = serializers.IntegerField()
    known = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = BulkRowSerializer(many=True)


def bulk_body(data):
    if not isinstance(data, dict) or not isinstance(data.get("bookings"), list):
        raise ValidationError({"bookings": [_("Send an object with a list of bookings.")]})
    if unknown := sorted(data.keys() - {"mode", "bookings"}):
        problem = _("Unknown field; known fields: %(known)s.") % {"known": "mode, bookings"}
        raise ValidationError({name[:100]: [ErrorDetail(problem, "unknown")] for name in unknown})
    mode, rows = data.get("mode", "all"), data["bookings"]
    if mode not in ("all", "partial"):
        raise ValidationError({"mode": [_("Must be “all” or “partial”.")]})
    if not 1 <= len(rows) <= MOST:
        raise ValidationError({"bookings": [_("Send 1 to %(most)d bookings.") % {"most": MOST}]})
    return rows, mode
