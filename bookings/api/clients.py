"""Clients in the API."""

from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from bookings.api.owners import owner_of, refuse_move
from bookings.api.roles import READERS, WRITERS
from bookings.clients import add_client, changing_client
from bookings.models import Client, Erasure, Reading
from bookings.privacy.export import export_person
from bookings.privacy.forget import forget
from bookings.privacy.readings import note_reading
from drivers.companies.roles import OWNERS
from drivers.rest.access import actor_of, caller_of
from drivers.rest.fields import (
    Body,
    TextField,
    WholeField,
    latitude,
    longitude,
    read_body,
)
from drivers.rest.filters import Filters, IdFilter
from drivers.rest.views import (
    Changes,
    CompanyViewSet,
    Reads,
    Resource,
    changes_of,
    locked_row,
    set_values,
)

AT_ONCE = 4  # steps of 500 trips in one request
NOTES_HELP = gettext_lazy(
    "What dispatchers and drivers should know. For the company's own people: a client system "
    "neither sees nor writes it."
)


@extend_schema_serializer(component_name="ClientRecord")  # generators have a Client of their own
class ClientSerializer(Resource):
    customer = WholeField(
        source="customer_id",
        min_value=1,
        required=False,
        help_text=gettext_lazy("Who owns the client; the default customer if it is left out."),
    )
    external_id = TextField(
        max_length=64,
        allow_blank=True,
        required=False,
        help_text=gettext_lazy(
            "Your own id for the person; sending it twice creates one client, and it tells two "
            "people of one name apart."
        ),
    )
    lat = latitude(allow_null=True, required=False)
    lon = longitude(allow_null=True, required=False)

    class Meta:
        model = Client
        fields = [
            "id",
            "customer",
            "external_id",
            "name",
            "phone",
            "address",
            "lat",
            "lon",
            "wheelchair",
            "may_share",
            "max_ride_min",
            "notes",
        ]
        extra_kwargs = {"notes": {"max_length": 2000, "help_text": NOTES_HELP}}

    def get_fields(self):
        fields = super().get_fields()
        view = self.context.get("view")
        is_described = view is None or getattr(view, "swagger_fake_view", False)
        if not is_described and caller_of(self.context["request"]).customer is not None:
            del fields["notes"]
        return fields

    def validate(self, values):
        if self.instance is not None:
            refuse_move(values.pop("customer_id", None), self.instance.customer_id)
        return values


class ForgetBody(Body):
    reason = TextField(
        max_length=200,
        help_text=gettext_lazy("Why; it is kept as proof, so do not name the person."),
    )


class ErasureSerializer(serializers.ModelSerializer):
    client = serializers.IntegerField(source="client_id")
    counts = serializers.DictField(
        child=serializers.IntegerField(),
        help_text=gettext_lazy("How many rows of each kind were erased."),
    )

    class Meta:
        model = Erasure
        fields = ["id", "client", "reason", "begun_at", "done_at", "counts"]


class TripExportSerializer(serializers.Serializer):
    booking = serializers.DictField()
    events = serializers.ListField(child=serializers.DictField())
    assignments = serializers.ListField(child=serializers.DictField(), required=False)


class ExportSerializer(serializers.Serializer):
    client = serializers.ListField(child=serializers.DictField())
    places = serializers.ListField(child=serializers.DictField())
    drivers = serializers.ListField(child=serializers.DictField())
    standing_orders = serializers.ListField(child=serializers.DictField())
    pauses = serializers.ListField(child=serializers.DictField())
    recipients = serializers.ListField(child=serializers.DictField())
    messages = serializers.ListField(child=serializers.DictField())
    erasures = serializers.ListField(child=serializers.DictField())
    readings = serializers.ListField(child=serializers.DictField())
    events = serializers.ListField(child=serializers.DictField())
    trips = TripExportSerializer(many=True)


class ClientFilter(Filters):
    customer = IdFilter("customer_id", says="Only those of this customer.")

    class Meta:
        model = Client
        fields = ["name", "phone", "wheelchair", "external_id"]


class ClientViewSet(Reads, Changes, CompanyViewSet):
    """Clients: the people who are transported."""

    queryset = Client.objects.all()
    serializer_class = ClientSerializer
    filterset_class = ClientFilter
    roles = {"read": READERS, "write": WRITERS, "export": OWNERS, "forget": OWNERS}
    orderings = ("name", "id")
    ordered_by = {"name": "folded_name"}
    search_fields = ["searched"]

    def search(self, rows, words):
        return rows.filter(searched__has_parts=words)

    @extend_schema(responses={200: ClientSerializer, 201: ClientSerializer})
    def create(self, request, *args, **kwargs):
        """Create a client, or return the one that was created with the same values: 200.

        409 `client_exists` if the same person is known with other values.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        owner = owner_of(caller_of(request), values.pop("customer_id", None))
        client, is_new = add_client(
            self.company, owner, values, actor=actor_of(request), now=timezone.now()
        )
        location = f"{request.build_absolute_uri(request.path)}{client.pk}/"
        status = 201 if is_new else 200
        return self.tagged(client, status=status, headers={"Location": location})

    def retrieve(self, request, *args, **kwargs):
        client = self.get_object()
        about = {"actor": actor_of(request), "now": timezone.now()}
        note_reading(client, Reading.What.API, **about)
        return self.tagged(client)

    def partial_update(self, request, *args, **kwargs):
        with transaction.atomic():
            client = locked_row(self)
            with changing_client(client, actor=actor_of(request), now=timezone.now()):
                set_values(client, changes_of(self, client))
        return self.tagged(client)

    @extend_schema(responses={200: ExportSerializer})
    @action(detail=True, methods=["get"])
    def export(self, request, *args, **kwargs):
        """Everything that is stored of the person; rows have the names of columns. Owners only."""
        client = self.get_object()
        about = {"actor": actor_of(request), "now": timezone.now()}
        note_reading(client, Reading.What.EXPORT, **about)
        pieces = export_person(client)
        return HttpResponse("".join(pieces), content_type="application/json")

    @extend_schema(request=ForgetBody, responses={200: ErasureSerializer})
    @action(detail=True, methods=["post"])
    def forget(self, request, *args, **kwargs):
        """Remove what is about the person everywhere; the trips stay without it. Owners only.

        It cannot be undone. 409 `cannot_forget` while the person has open trips. Of somebody with
        thousands of trips `done_at` may be null: `clear_expired` does the rest, or asking again.
        """
        client = self.get_object()
        body = read_body(ForgetBody, request)
        erasure = forget(
            client,
            reason=body["reason"],
            actor=actor_of(request),
            now=timezone.now(),
            most=AT_ONCE,
        )
        erasure = erasure or Erasure.objects.filter(client=client).order_by("-id").first()
        return Response(ErasureSerializer(erasure).data)
