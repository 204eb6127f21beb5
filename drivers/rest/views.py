"""Base classes of the API's resources: company, roles, pages, ETags and `?fields=`.

An ETag is a hash of the serialized resource, and of a list one of the bytes that are sent. A
change with `If-Match` is refused with 412 if the stored row no longer has this ETag. PATCH, DELETE
and a POST that writes the row compare them under its lock (`locked_row`); any other POST when it
reads the row (`get_object`). Who loses a race for what the row depends on gets 409, or 412 if the
row, read again, has changed too.
"""

import hashlib
import json
from functools import partial

from django.db import transaction
from django.urls import resolve
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView

from drivers.models import FAR_KM, FAR_MEANT, AsksAboutFarPlaces
from drivers.rest.access import caller_of
from drivers.rest.errors import PreconditionFailed
from drivers.rest.fields import (
    Body,
    ClockField,
    DegreesField,
    KnownFields,
    MomentField,
    TextField,
    TruthField,
    WholeField,
    read_body,
)
from drivers.rest.idempotency import Idempotent
from drivers.rest.paging import KeysetPagination

PAGING = {"cursor", "limit", "ordering"}
MAY_BE_EMPTY = {"search", "fields", "expand", "cursor"}


class Door(Idempotent):
    """What holds for every resource: keys of POSTs are honoured, unknown parameters refused, and
    what a caller has already is not sent again.

    `params` are the query parameters of an action beyond filters, pages and fields; `tagged_reads`
    the actions of a GET whose response has an ETag.
    """

    params: dict[str, list[str]] = {}
    tagged_reads = ("retrieve", "list")

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        if self.action is None:  # a method that the resource does not have: 405
            return
        known = {"format", *self.params.get(self.action, ()), *self.known_params()}
        if unknown := sorted(request.query_params.keys() - known):
            problem = _("Unknown parameter; known parameters: %(known)s.")
            problem %= {"known": ", ".join(sorted(known))}
            raise ValidationError(
                {name[:100]: [ErrorDetail(problem, "unknown")] for name in unknown[:10]}
            )
        refuse_empty_and_repeated(request)

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method in ("GET", "HEAD") and response.status_code == 200:
            wanted = request.headers.get("If-None-Match", "")
            # The ETag of a booking does not cover related rows that are expanded.
            if "ETag" not in response and self.action in self.tagged_reads:
                response.add_post_render_callback(partial(tag_content, wanted))
            elif etag_matches(response.get("ETag"), wanted) and not request.GET.get("expand"):
                response.data, response.status_code = None, 304
        return response

    def known_params(self):
        """Return the query parameters that actions of this kind know."""
        return set()


class CompanyViewSet(Door, viewsets.GenericViewSet):
    """Rows of the caller's scope: of the company to which `company_path` leads, or a customer.

    `roles` lists who may "read" (list, retrieve), "write" (all else), or perform a named action;
    nobody else may. `orderings` are the possible first keys of a page, the default first; none of
    them may be null. `ordered_by` names the column that orders for one of them, if another does.
    """

    company_path = "company"
    roles: dict[str, frozenset[str]] = {}
    orderings: tuple[str, ...] = ("id",)
    ordered_by: dict[str, str] = {}
    pagination_class = KeysetPagination
    lookup_value_regex = "[0-9]{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def known_params(self):
        if self.action == "retrieve":
            return {"fields"}
        if self.action != "list":
            return set()
        filterset = getattr(self, "filterset_class", None)
        searched = {"search"} if getattr(self, "search_fields", None) else set()
        paging = set() if self.pagination_class is None else PAGING
        return {"fields"} | paging | searched | set(filterset.base_filters if filterset else ())

    @property
    def company(self):
        return caller_of(self.request).company

    @property
    def customer(self):
        """The customer of a client system, None for anybody else."""
        return caller_of(self.request).customer

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return caller_of(self.request).scope.of(self.queryset, self.company_path)

    def get_object(self):
        """Return the row of the URL; a POST is refused if `If-Match` names another state of it."""
        instance = super().get_object()
        if self.request.method == "POST":
            self.compare(instance)
        return instance

    def owned(self, instance):
        """Return the row with the caller's company, which is read already, if it has one itself."""
        if self.company_path == "company":
            instance.company = self.company
        return instance

    def compare(self, instance):
        """Raise PreconditionFailed if `If-Match` names another state of the row."""
        compare_tag(self.request, lambda: etag_of(self.get_serializer(instance).data))

    def get_serializer(self, *args, **kwargs):
        serializer = super().get_serializer(*args, **kwargs)
        wanted = self.request.query_params.get("fields") if self.request else None
        if wanted and self.request.method == "GET":
            shown = getattr(serializer, "child", serializer).fields
            readable = [name for name, field in shown.items() if not field.write_only]
            for name in excluded_fields(wanted, readable):
                shown.pop(name)
        return serializer

    def tagged(self, instance, status=200, headers=None):
        """Return the response with the resource and its ETag."""
        data = self.get_serializer(instance).data
        return Response(data, status=status, headers={**(headers or {}), "ETag": etag_of(data)})


def refuse_empty_and_repeated(request):
    """Refuse parameters that are empty, which would filter nothing, or repeated."""
    given = dict(request.query_params.lists())
    repeated = [name for name, values in given.items() if len(values) > 1]
    empty = [name for name in given.keys() - MAY_BE_EMPTY if given[name] == [""]]
    if repeated or empty:
        raise ValidationError(
            {name: [_("Give this parameter a value or omit it.")] for name in sorted(empty)}
            | {name: [_("Give this parameter only once.")] for name in sorted(repeated)}
        )


def excluded_fields(wanted, names):
    """Return the names that `?fields=` excludes. Raises ValidationError for unknown names."""
    fields = {name.strip() for name in wanted.split(",")}
    if unknown := sorted(fields - set(names)):
        raise ValidationError(
            {
                "fields": _("Unknown: %(unknown)s; known: %(names)s.")
                % {"unknown": ", ".join(unknown)[:200], "names": ", ".join(names)}
            }
        )
    return [name for name in names if name not in fields]


def etag_of(data):
    """Return the strong ETag of a representation."""
    text = json.dumps(data, sort_keys=True, cls=JSONEncoder)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


def tag_content(wanted, response):
    """Give a rendered response the ETag of its bytes; empty it if the caller has them already."""
    response["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()[:24]}"'
    if etag_matches(response["ETag"], wanted):
        response.content, response.status_code = b"", 304


def etag_matches(current, wanted):
    """Return whether `If-None-Match` names the ETag, by the weak comparison of RFC 9110."""
    names = [part.strip().removeprefix("W/") for part in wanted.split(",")]
    return current is not None and (current in names or names == ["*"])


def compare_tag(request, current):
    """Raise PreconditionFailed if `If-Match` names another ETag than `current()` returns."""
    wanted = request.headers.get("If-Match")
    if wanted is None or wanted.strip() == "*":
        return
    if current() not in [part.strip() for part in wanted.split(",")]:
        raise PreconditionFailed


class Reads(mixins.ListModelMixin):
    def retrieve(self, request, *args, **kwargs):
        return self.tagged(self.get_object())


class Creates:
    def create(self, request, *args, **kwargs):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        instance = self.owned(serializer.Meta.model())
        for name, value in serializer.validated_data.items():
            setattr(instance, name, value)
        self.insert(instance)
        location = f"{request.build_absolute_uri(request.path)}{instance.pk}/"
        return self.tagged(instance, status=201, headers={"Location": location})

    def insert(self, instance):
        instance.full_clean()
        instance.save(force_insert=True)


def locked_row(view):
    """Return the row of the URL, locked. Raises PreconditionFailed if `If-Match` is stale.

    In the transaction that writes the row: 1 statement.
    """
    rows = view.get_queryset().select_for_update(of=("self",), no_key=True)
    instance = rows.filter(pk=view.kwargs["pk"]).first()
    if instance is None:
        raise NotFound
    view.compare(instance)
    return view.owned(instance)


def changes_of(view, instance):
    """Return the valid values of a PATCH of this row. Raises ValidationError."""
    serializer = view.get_serializer(instance, data=view.request.data, partial=True)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def set_values(instance, values):
    """Give a locked row these values, and save them. Raises ValidationError."""
    for name, value in values.items():
        setattr(instance, name, value)
    instance.full_clean()
    if columns := [name for name in values if name != FAR_MEANT]:
        instance.save(update_fields=columns)


class Changes:
    def partial_update(self, request, *args, **kwargs):
        with transaction.atomic():
            instance = locked_row(self)
            set_values(instance, changes_of(self, instance))
        return self.tagged(instance)


class Deletes:
    def destroy(self, request, *args, **kwargs):
        read_body(Body, request)
        with transaction.atomic():
            self.remove(locked_row(self))
        return Response(status=204)

    def remove(self, instance):
        """Delete the locked row."""
        instance.delete()


class InCompany(serializers.PrimaryKeyRelatedField):
    """A row of the caller's company, by id; rows of other companies are unknown."""

    default_error_messages = {"does_not_exist": gettext_lazy("Not found in this company.")}

    def __init__(self, queryset=None, company_path="company", **kwargs):
        self.company_path = company_path
        super().__init__(queryset=queryset, pk_field=WholeField(min_value=1), **kwargs)

    def get_queryset(self):
        request = self.context.get("request")
        if request is None:
            return super().get_queryset().none()
        return caller_of(request).scope.of(super().get_queryset(), self.company_path)


STRICT = {
    serializers.DateTimeField: MomentField,
    serializers.TimeField: ClockField,
    serializers.IntegerField: WholeField,
    serializers.FloatField: DegreesField,
    serializers.CharField: TextField,
    serializers.BooleanField: TruthField,
}


BOUNDS = {  # of the engine with the smaller range, so that both accept the same numbers
    "PositiveSmallIntegerField": 2**15 - 1,
    "PositiveIntegerField": 2**31 - 1,
}


FAR_HELP = gettext_lazy(
    "Confirms a new place more than %(km)d km from the depot, or that no road reaches, which is "
    "refused as `far_away` otherwise, for latitude and longitude may be swapped."
) % {"km": FAR_KM}


class Resource(KnownFields, serializers.ModelSerializer):
    # A model serializer with strict fields: times with offset, numbers as numbers. A comment,
    # because subclasses without a docstring would show this one in the OpenAPI schema.

    serializer_field_mapping = {
        model_field: STRICT.get(field, field)
        for model_field, field in serializers.ModelSerializer.serializer_field_mapping.items()
    }

    def get_fields(self):
        fields = super().get_fields()
        if issubclass(self.Meta.model, AsksAboutFarPlaces):
            fields[FAR_MEANT] = TruthField(write_only=True, required=False, help_text=FAR_HELP)
        return fields

    # The row itself says what is taken, with its own words: no validators of uniqueness here.

    def get_uniqueness_extra_kwargs(self, field_names, declared_fields, extra_kwargs):
        return extra_kwargs, {}

    def get_unique_together_validators(self):
        return []

    def build_standard_field(self, field_name, model_field):
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        most = BOUNDS.get(model_field.get_internal_type())
        if most and "choices" in kwargs:
            kwargs.pop("validators", None)
        elif most and not kwargs.get("read_only"):
            kwargs["max_value"] = min(kwargs.get("max_value", most), most)
            kwargs["min_value"] = max(kwargs.get("min_value", 0), 0)
        return field_class, kwargs


class NothingHere(APIView):
    """Answer 404 with problem details at any other URL below /api/."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()
    schema = None

    def get(self, request, *args, **kwargs):
        path = f"{request.path_info}/"
        if getattr(resolve(path).func, "cls", None) is NothingHere:
            raise NotFound
        raise NotFound(_("Addresses end with a slash: %(path)s") % {"path": path})

    post = put = patch = delete = get
