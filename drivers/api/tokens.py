"""API tokens of a company's members and systems, in the API."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from drivers.companies.roles import OWNERS
from drivers.companies.tokens import issue_token, revoke_tokens
from drivers.models import ApiToken, Customer, Membership, Role
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
            "revoked_at",
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


class IssuedTokenSerializer(TokenSerializer):
    key = serializers.CharField(help_text=_("Store it: it cannot be retrieved again."))

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "key"]


class TokenViewSet(Reads, CompanyViewSet):
    """API tokens of the company's members and systems."""

    company_path = "membership__company"
    queryset = ApiToken.objects.all()
    serializer_class = TokenSerializer
    roles = {"read": OWNERS, "write": OWNERS}
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

    def _own(self, request):
        if request.auth is not None:
            return request.auth.membership
        own = Membership.objects.filter(user=request.user, company=self.company).first()
        if own is None:
            problem = _("Name the member of %(company)s who gets the token.")
            raise serializers.ValidationError({"member": problem % {"company": self.company}})
        return own
