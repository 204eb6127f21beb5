"""API tokens of a company's members and systems, in the API."""

from datetime import timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from drivers.companies.roles import OWNERS
from drivers.companies.tokens import issue_token, revoke_tokens, rotate_token
from drivers.models import ApiToken, Customer, Membership, Role
from drivers.rest.access import EVERYBODY
from drivers.rest.fields import Body, TextField, WholeField, read_body
from drivers.rest.views import CompanyViewSet, InCompany, Reads, Resource, locked_row


class TokenSerializer(Resource):
    """A token without its key, which is shown only when the token is issued."""

    member = serializers.IntegerField(source="membership_id", read_only=True)

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "member",
            "name",
            "role",
            "customer",
            "ending",
            "created_at",
            "expires_at",
            "renewable_until",
            "revoked_at",
            "replaces",
            "last_used_at",
        ]
        read_only_fields = fields


class NewTokenSerializer(Body):
    name = TextField(max_length=100)
    member = InCompany(queryset=Membership.objects.all(), required=False)
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    customer = InCompany(
        queryset=Customer.objects.all(),
        required=False,
        help_text=_("Of a token of the role `client_api`, unless the member has one already."),
    )
    days = WholeField(min_value=1, max_value=366, default=90)


OVERLAP_MIN = 5  # a program that rotates its own token may not get the answer
OVERLAP_AT_MOST = 24 * 60


class RotationSerializer(Body):
    overlap_min = WholeField(
        min_value=0,
        max_value=OVERLAP_AT_MOST,
        required=False,
        help_text=_(
            "How many minutes the old key is still valid: none if an owner rotates it, 5 if it "
            "rotates itself, unless this says otherwise."
        ),
    )


class IssuedTokenSerializer(TokenSerializer):
    key = serializers.CharField(help_text=_("Store it: it cannot be retrieved again."))

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "key"]


class TokenViewSet(Reads, CompanyViewSet):
    """API tokens of the company's members and systems."""

    company_path = "membership__company"
    queryset = ApiToken.objects.all()
    serializer_class = TokenSerializer
    roles = {"read": OWNERS, "write": OWNERS, "rotate_own": EVERYBODY}
    orderings = ("-id",)
    secrets = ("key",)

    @extend_schema(request=NewTokenSerializer, responses={201: IssuedTokenSerializer})
    def create(self, request, *args, **kwargs):
        values = read_body(NewTokenSerializer, request)
        membership = values.get("member") or self._own(request)
        token, key = issue_token(
            membership,
            name=values["name"],
            role=values.get("role"),
            customer=values.get("customer"),
            lifetime=timedelta(days=values["days"]),
            now=timezone.now(),
            by=request.auth,
        )
        location = f"{request.build_absolute_uri(request.path)}{token.pk}/"
        answer = {**self.get_serializer(token).data, "key": key}
        return Response(answer, status=201, headers={"Location": location})

    @extend_schema(request=None, responses=TokenSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request, *args, **kwargs):
        read_body(Body, request)
        with transaction.atomic():
            token = locked_row(self)
            revoke_tokens(ApiToken.objects.filter(pk=token.pk), now=timezone.now())
        token.refresh_from_db()
        return self.tagged(token)

    @extend_schema(request=RotationSerializer, responses={201: IssuedTokenSerializer})
    @action(detail=True, methods=["post"])
    def rotate(self, request, *args, **kwargs):
        """Replace a token by one with a new key, before it expires; the old one ends."""
        values = read_body(RotationSerializer, request)
        with transaction.atomic():
            token = locked_row(self)
            return self._rotated(request, token, values.get("overlap_min", 0))

    @extend_schema(
        operation_id="tokens_rotate_own",
        request=RotationSerializer,
        responses={201: IssuedTokenSerializer},
        filters=False,
    )
    @action(detail=False, methods=["post"], url_path="rotate", url_name="rotate-own")
    def rotate_own(self, request, *args, **kwargs):
        """Replace the token of this request by one with a new key, in any role.

        While the old key is valid it can be asked again: what it got before ends, unless that has
        been used.
        """
        values = read_body(RotationSerializer, request)
        if request.auth is None:
            problem = _("Send the token that is to be replaced: a session has none.")
            raise serializers.ValidationError({"Authorization": problem})
        return self._rotated(request, request.auth, values.get("overlap_min", OVERLAP_MIN))

    def _rotated(self, request, old, overlap_min):
        overlap = timedelta(minutes=overlap_min)
        token, key = rotate_token(old.pk, overlap=overlap, now=timezone.now(), by=request.auth)
        location = request.build_absolute_uri(reverse("token-detail", args=[token.pk]))
        answer = {**self.get_serializer(token).data, "key": key}
        return Response(answer, status=201, headers={"Location": location})

    def _own(self, request):
        if request.auth is not None:
            return request.auth.membership
        own = Membership.objects.filter(user=request.user, company=self.company).first()
        if own is None:
            problem = _("Name the member of %(company)s who gets the token.")
            raise serializers.ValidationError({"member": problem % {"company": self.company}})
        return own
