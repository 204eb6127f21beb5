"""Webhooks and the log of their deliveries in the API, for owners and client systems."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from bookings.models import Delivery, Event, Webhook
from bookings.webhooks.room import check_room
from bookings.webhooks.sending import AddressRefused, entered_url
from bookings.webhooks.signing import change_secret, new_salt, secret_of
from bookings.webhooks.worker import message_id_of, redeliver
from drivers.companies.roles import OWNERS
from drivers.models import Customer
from drivers.rest.access import CLIENTS
from drivers.rest.fields import Body, TextField, TruthField, read_body
from drivers.rest.filters import Filters, IdFilter
from drivers.rest.views import (
    Changes,
    CompanyViewSet,
    Deletes,
    InCompany,
    Reads,
    Resource,
    locked_row,
)


class WebhookSerializer(Resource):
    customer = InCompany(
        queryset=Customer.objects.all(),
        allow_null=True,
        required=False,
        help_text=gettext_lazy(
            "Whose events it receives; null for all of the company. A client system's is always "
            "its own customer's."
        ),
    )
    url = TextField(
        max_length=500, help_text=gettext_lazy("An https:// URL on the public internet.")
    )
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=Event.Kind.choices),
        required=False,
        help_text=gettext_lazy("Kinds of events to send; empty for all."),
    )
    payload = serializers.ChoiceField(
        choices=Webhook.Payload.choices,
        required=False,
        help_text=gettext_lazy(
            "`full`: events as the feed has them. `thin`: their ids and kind only; the receiver "
            "reads the rest over the API."
        ),
    )
    is_active = TruthField(required=False)

    class Meta:
        model = Webhook
        fields = [
            "id",
            "customer",
            "url",
            "kinds",
            "payload",
            "is_active",
            "disabled_reason",
            "created_at",
        ]
        read_only_fields = ["id", "disabled_reason", "created_at"]

    def validate_customer(self, customer):
        if self.instance is not None and self.instance.customer_id != (customer and customer.pk):
            raise serializers.ValidationError(
                _("A webhook keeps its customer: create another one instead.")
            )
        return customer

    def validate_url(self, url):
        try:
            entered_url(url)
        except AddressRefused as refused:
            raise serializers.ValidationError(str(refused)) from None
        return url

    def validate_kinds(self, kinds):
        return sorted(set(kinds))

    def validate(self, values):
        if values.get("is_active"):
            values["disabled_reason"], values["rests_until"] = "", None
        return values


class WebhookSecretSerializer(WebhookSerializer):
    """The webhook with its secret, which is shown only once."""

    secret = serializers.CharField(read_only=True)

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class WebhookViewSet(Reads, Changes, Deletes, CompanyViewSet):
    """URLs that receive events as they happen, starting with the next one."""

    queryset = Webhook.objects.all()
    serializer_class = WebhookSerializer
    roles = {"read": OWNERS | CLIENTS, "write": OWNERS | CLIENTS}
    secrets = ("secret",)

    @extend_schema(request=WebhookSerializer, responses={201: WebhookSecretSerializer})
    def create(self, request, *args, **kwargs):
        """Create a webhook and show its secret, once.

        409 `too_many_webhooks` if its customer has ten.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        events = Event.objects.filter(company=self.company).order_by("-id")
        values = serializer.validated_data
        if self.customer is not None:
            values["customer"] = self.customer
        with transaction.atomic():
            if values.get("customer") is not None:
                check_room(values["customer"])
            webhook = Webhook.objects.create(
                company=self.company,
                salt=new_salt(),
                seen_event_id=events.values_list("id", flat=True).first() or 0,
                created_at=timezone.now(),
                **values,
            )
        location = f"{request.build_absolute_uri(request.path)}{webhook.pk}/"
        answer = {**self.get_serializer(webhook).data, "secret": secret_of(webhook.salt)}
        return Response(answer, status=201, headers={"Location": location})

    @extend_schema(request=None, responses=WebhookSecretSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request, *args, **kwargs):
        """Replace the secret; for 24 hours deliveries are signed with the old one too."""
        read_body(Body, request)
        with transaction.atomic():
            webhook = locked_row(self)
            secret = change_secret(webhook, now=timezone.now())
        return Response({**self.get_serializer(webhook).data, "secret": secret})


class DeliverySerializer(Resource):
    """The delivery of one event to one webhook; `message` is the header `webhook-id`."""

    webhook = serializers.IntegerField(source="webhook_id")
    event = serializers.IntegerField(source="event_id")
    message = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = [
            "id",
            "webhook",
            "event",
            "message",
            "status",
            "attempts",
            "due_at",
            "created_at",
            "last_at",
            "last_code",
            "last_ms",
            "last_error",
        ]

    def get_message(self, delivery) -> str:
        return message_id_of(delivery)


class DeliveryFilter(Filters):
    webhook = IdFilter("webhook_id")

    class Meta:
        model = Delivery
        fields = ["status"]


class DeliveryViewSet(Reads, CompanyViewSet):
    """List the webhook deliveries of the last 30 days."""

    company_path = "webhook__company"
    queryset = Delivery.objects.all()
    serializer_class = DeliverySerializer
    filterset_class = DeliveryFilter
    orderings = ("-id",)
    roles = {"read": OWNERS | CLIENTS, "write": OWNERS | CLIENTS}

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def redeliver(self, request, *args, **kwargs):
        """Send the delivery again with the same `webhook-id`."""
        read_body(Body, request)
        with transaction.atomic():
            delivery = locked_row(self)
            redeliver(delivery, now=timezone.now())
        return self.tagged(delivery)
