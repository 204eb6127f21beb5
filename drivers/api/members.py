"""Members in the API, for owners of the company: who accepted an invitation is here."""

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from drivers.companies.members import change_role, link_driver, lock_members, remove_member
from drivers.companies.roles import OWNERS
from drivers.models import Customer, Driver, Membership, Role
from drivers.rest.fields import Body, MomentField, read_body
from drivers.rest.filters import Filters
from drivers.rest.views import CompanyViewSet, InCompany, Reads, Resource, locked_row


class MemberSerializer(Resource):
    """A member: a user with a role in the company."""

    username = serializers.CharField(source="user.username", read_only=True)
    name = serializers.CharField(source="user.get_full_name", read_only=True)
    email = serializers.CharField(source="user.email", read_only=True)
    last_login = MomentField(source="user.last_login", read_only=True, allow_null=True)
    driver = serializers.IntegerField(
        source="driver_id",
        read_only=True,
        allow_null=True,
        help_text=_("Whose trips the member sees and reports, as a driver of the company."),
    )

    class Meta:
        model = Membership
        fields = [
            "id",
            "username",
            "name",
            "email",
            "role",
            "customer",
            "driver",
            "last_login",
        ]
        read_only_fields = fields


class ChangedMemberSerializer(Body):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    customer = InCompany(
        queryset=Customer.objects.all(),
        required=False,
        help_text=_("Of the role `client_api`: for whom it acts."),
    )
    driver = InCompany(
        queryset=Driver.objects.all(),
        allow_null=True,
        required=False,
        help_text=_("Of the role `driver`: which driver the member is; null for none."),
    )


class MemberFilter(Filters):
    class Meta:
        model = Membership
        fields = ["role"]


class MemberViewSet(Reads, CompanyViewSet):
    """Members of the company. Nobody is made one here: invite them."""

    queryset = (
        Membership.objects.select_related("user")
        .annotate(
            driver_id=Subquery(
                Driver.objects.filter(user=OuterRef("user"), company=OuterRef("company")).values(
                    "id"
                )
            )
        )
        .order_by("id")
    )
    serializer_class = MemberSerializer
    filterset_class = MemberFilter
    roles = {"read": OWNERS, "write": OWNERS}

    @extend_schema(request=ChangedMemberSerializer, responses=MemberSerializer)
    def partial_update(self, request, *args, **kwargs):
        """Change the role of a member, or which driver a member is.

        The tokens of the member end with a role that does not grant theirs, and with another role
        than `driver` the driver is let go.
        """
        values = read_body(ChangedMemberSerializer, request)
        with transaction.atomic():
            member = locked_row(self)
            if values.keys() & {"role", "customer"}:
                role = Role(values.get("role", member.role))
                customer = values.get("customer", member.customer)
                change_role(member, role, by=request.user, customer=customer)
            else:
                lock_members(self.company, request.user)
            if "driver" in values or member.role != Role.DRIVER:
                link_driver(member, values.get("driver"))
        return self.tagged(self.get_queryset().get(pk=member.pk))

    def destroy(self, request, *args, **kwargs):
        """Remove a member with all tokens. The company keeps an owner."""
        read_body(Body, request)
        with transaction.atomic():
            remove_member(locked_row(self), by=request.user)
        return Response(status=204)
