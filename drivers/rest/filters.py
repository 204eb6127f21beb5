"""Filters of lists, as strict as request bodies."""

import re

import django_filters
from django import forms
from django.db import models
from django.utils.translation import gettext as _
from django_filters.filterset import FILTER_FOR_DBFIELD_DEFAULTS
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.filters import SearchFilter

from drivers.rest.access import caller_of
from drivers.rest.fields import (
    LARGEST_ID,
    MOST_IDS,
    DayField,
    MomentField,
    parse_choices,
    parse_ids,
)


class AskedFilters(DjangoFilterBackend):
    """Build the filters of a list only if the request uses one, as building is slow."""

    def filter_queryset(self, request, queryset, view):
        filterset = self.get_filterset_class(view, queryset)
        if filterset is None or not filterset.base_filters.keys() & request.query_params.keys():
            return queryset
        return super().filter_queryset(request, queryset, view)


class AskedSearch(SearchFilter):
    """Search where a list has `search_fields`, and say so nowhere else.

    A view's `search(rows, words)` does it by an index, instead of looking into each row.
    """

    def filter_queryset(self, request, queryset, view):
        search = getattr(view, "search", None)
        if search is None:
            return super().filter_queryset(request, queryset, view)
        text = serializers.CharField(allow_blank=True)  # refuses NUL
        words = text.run_validation(request.query_params.get(self.search_param, ""))
        return search(queryset, words) if words else queryset

    def get_schema_operation_parameters(self, view):
        if not self.get_search_fields(view, None):
            return []
        return super().get_schema_operation_parameters(view)


class ReadField(forms.Field):
    """A value that `read` reads from a text, as strictly as from a body; None if none is given."""

    def __init__(self, *, read, **kwargs):
        self.read = read
        super().__init__(**kwargs)

    def to_python(self, value):
        if value in (None, ""):
            return None
        try:
            return self.read(value)
        except serializers.ValidationError as error:
            raise forms.ValidationError([str(detail) for detail in error.detail]) from None


class ReadFilter(django_filters.Filter):
    field_class = ReadField


class MomentFilter(ReadFilter):
    """A time with its UTC offset; a `+` that arrived as a space is accepted."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, read=_read_moment, **kwargs)


def _read_moment(text):
    return MomentField().run_validation(text.replace(" ", "+"))


@extend_schema_field({"type": "string", "format": "date", "description": "A day of the company."})
class DayFilter(ReadFilter):
    """The company's day on which the time `field_name` lies."""

    def __init__(self, field_name):
        super().__init__(field_name, read=DayField().run_validation)

    def filter(self, qs, value):
        if value is None:
            return qs
        start_at, end_at = caller_of(self.parent.request).company.day_bounds(value)
        name = self.field_name
        return qs.filter(**{f"{name}__gte": start_at, f"{name}__lt": end_at})


class ChoicesFilter(ReadFilter):
    """One of the choices, or several, separated by commas."""

    def __init__(self, *args, choices, **kwargs):
        known = {str(value): value for value, _label in choices}
        kwargs |= {"lookup_expr": "in", "read": lambda text: parse_choices(text, known)}
        super().__init__(*args, **kwargs)
        one = "|".join(map(re.escape, known))
        extend_schema_field(
            {
                "type": "string",
                "pattern": f"^({one})(,({one}))*$",
                "description": "One, or several separated by commas.",
            }
        )(self)


@extend_schema_field(
    {
        "type": "string",
        "pattern": "^[1-9][0-9]{0,18}(,[1-9][0-9]{0,18})*$",
        "description": f"Up to {MOST_IDS} ids, separated by commas.",
    }
)
class IdsFilter(ReadFilter):
    """Up to `MOST_IDS` ids, separated by commas."""

    def __init__(self, field_name):
        super().__init__(
            field_name, lookup_expr="any_of", read=lambda text: parse_ids(text, MOST_IDS)
        )


class IdFilter(ReadFilter):
    """The id of a related row; `says` describes it."""

    def __init__(self, field_name, *, says=None, **kwargs):
        super().__init__(field_name, read=_read_id, **kwargs)
        schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
        extend_schema_field(schema | ({"description": says} if says else {}))(self)


def _read_id(text):
    found, *more = parse_ids(text, MOST_IDS)
    if more:
        raise serializers.ValidationError(_("Write one id."))
    return found


class TruthFormField(forms.Field):
    def to_python(self, value):
        if value in (None, ""):
            return None
        if value not in ("true", "false"):
            raise forms.ValidationError(_("Must be “true” or “false”."), code="invalid")
        return value == "true"


class TruthFilter(django_filters.BooleanFilter):
    field_class = TruthFormField


class Filters(django_filters.FilterSet):
    """Filters of a list by its columns."""

    FILTER_DEFAULTS = FILTER_FOR_DBFIELD_DEFAULTS | {
        models.BooleanField: {"filter_class": TruthFilter}
    }

    @classmethod
    def filter_for_lookup(cls, field, lookup_type):
        if lookup_type == "exact" and field.choices:
            return ChoicesFilter, {"choices": field.choices}
        return super().filter_for_lookup(field, lookup_type)


class PeriodFilterSet(Filters):
    """`from` and `until` of one time: half-open. `moment` names its field."""

    moment = ""

    @classmethod
    def get_filters(cls):
        filters = super().get_filters()
        if cls.moment:
            for name, lookup, says in (
                ("from", "gte", "At this time or later."),
                ("until", "lt", "Before this time."),
            ):
                filters[name] = MomentFilter(
                    field_name=cls.moment, lookup_expr=lookup, help_text=says
                )
        return filters
