"""Customers in the API, for the company's own people."""

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework.response import Response
from rest_framework.serializers import EmailField

from drivers.companies.customers import delete_customer, margin_changed
from drivers.models import Customer
from drivers.rest.access import PLANNERS, STAFF, actor_of
from drivers.rest.fields import Body, read_body
from drivers.rest.filters import Filters
from drivers.rest.views import (
    Changes,
    CompanyViewSet,
    Creates,
    Reads,
    Resource,
    changes_of,
    locked_row,
    set_values,
)


# What is told of it by itself lets "" be both an address and none.
@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "format": "email", "minLength": 1, "maxLength": 254},
            {"type": "string", "maxLength": 0},
        ]
    }
)
class EmailOrNone(EmailField):
    """An email address, or an empty text."""


class CustomerSerializer(Resource):
    email = EmailOrNone(max_length=254, allow_blank=True, required=False)

    class Meta:
        model = Customer
        fields = [
            "id",
            "name",
            "kind",
            "is_default",
            "contact",
            "phone",
            "email",
            "notes",
            "book_ahead_min",
            "pickup_early_min",
            "pickup_late_min",
            "return_late_min",
            "margin_min",
            "on_time_early_min",
            "on_time_late_min",
            "requires_client",
            "requires_reference",
            "requires_appointment",
        ]
        read_only_fields = ["is_default"]


class CustomerFilter(Filters):
    class Meta:
        model = Customer
        fields = ["name", "kind", "is_default"]


class CustomerViewSet(Reads, Creates, Changes, CompanyViewSet):
    """Customers: who owns clients and bookings. One with clients or bookings stays."""

    queryset = Customer.objects.all()
    serializer_class = CustomerSerializer
    filterset_class = CustomerFilter
    roles = {"read": STAFF, "write": PLANNERS}
    orderings = ("name", "id")

    def partial_update(self, request, *args, **kwargs):
        """Change a customer; computed pickups follow its margin."""
        with transaction.atomic():
            customer = locked_row(self)
            before = customer.margin_min
            set_values(customer, changes_of(self, customer))
            margin_changed(customer, before, actor=actor_of(request), now=timezone.now())
        return self.tagged(customer)

    def destroy(self, request, *args, **kwargs):
        read_body(Body, request)
        with transaction.atomic():
            delete_customer(locked_row(self))
        return Response(status=204)
