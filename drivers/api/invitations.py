"""Invitations in the API, for owners of the company."""

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from drivers.companies.roles import OWNERS
from drivers.logins.invitations import invite, renew, send, withdraw
from drivers.models import Customer, Invitation, Role
from drivers.rest.fields import Body, read_body
from drivers.rest.filters import Filters
from drivers.rest.views import CompanyViewSet, InCompany, Reads, Resource, locked_row


class InvitationSerializer(Resource):
    """An invitation without its link."""

    class Meta:
        model = Invitation
        fields = [
            "id",
            "email",
            "role",
            "customer",
            "created_at",
            "sent_at",
            "expires_at",
            "accepted_at",
            "revoked_at",
        ]
        read_only_fields = fields


class NewInvitationSerializer(Body):
    email = serializers.EmailField(max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)
    customer = InCompany(
        queryset=Customer.objects.all(),
        required=False,
        help_text=_("Of the role `client_api`: for whom it acts."),
    )


class SentInvitationSerializer(InvitationSerializer):
    link = serializers.CharField(
        allow_null=True,
        help_text=_("Where it is accepted, if this server sends no mails; else null. Shown once."),
    )

    class Meta(InvitationSerializer.Meta):
        fields = [*InvitationSerializer.Meta.fields, "link"]


class InvitationFilter(Filters):
    class Meta:
        model = Invitation
        fields = ["email", "role"]


class InvitationViewSet(Reads, CompanyViewSet):
    """Invitations: who accepts one becomes a member."""

    queryset = Invitation.objects.all()
    serializer_class = InvitationSerializer
    filterset_class = InvitationFilter
    roles = {"read": OWNERS, "write": OWNERS}
    orderings = ("-id",)
    secrets = ("link",)

    @extend_schema(request=NewInvitationSerializer, responses={201: SentInvitationSerializer})
    def create(self, request, *args, **kwargs):
        """Invite an address; the link is mailed."""
        values = read_body(NewInvitationSerializer, request)
        invitation, key = invite(
            self.company,
            values["email"],
            Role(values["role"]),
            customer=values.get("customer"),
            by=request.user,
            now=timezone.now(),
        )
        location = f"{request.build_absolute_uri(request.path)}{invitation.pk}/"
        return self._sent(request, invitation, key, status=201, headers={"Location": location})

    @extend_schema(request=None, responses=SentInvitationSerializer)
    @action(detail=True, methods=["post"])
    def resend(self, request, *args, **kwargs):
        """Send a new link, for another seven days; the one before ends."""
        read_body(Body, request)
        with transaction.atomic():
            row = locked_row(self)
            sent = renew(self.company, [row.pk], by=request.user, now=timezone.now())
            return self._sent(request, *sent[0])

    @extend_schema(request=None, responses=InvitationSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request, *args, **kwargs):
        """Withdraw an invitation that waits."""
        read_body(Body, request)
        with transaction.atomic():
            invitation = locked_row(self)
            withdraw(self.company, [invitation.pk], by=request.user, now=timezone.now())
        invitation.refresh_from_db(fields=["revoked_at"])
        return self.tagged(invitation)

    def _sent(self, request, invitation, key, **answer):
        link = request.build_absolute_uri(reverse("admin:invited", args=[key]))
        is_sent = send(invitation, link, by=request.user)
        data = self.get_serializer(invitation).data
        return Response({**data, "link": None if is_sent else link}, **answer)
