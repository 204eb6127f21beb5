"""Filters of lists, as strict as request bodies."""

import django_filters
from django import forms
from django.db import models
from django.utils.translation import gettext as _
from django_filters.filterset import FILTER_FOR_DBFIELD_DEFAULTS
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import serializers
from rest_framework.filters import SearchFilter

from drivers.rest.fields import MomentField


class AskedFilters(DjangoFilterBackend):
    """Build the filters of a list only if the request uses one, as building is slow."""

    def filter_queryset(self, request, queryset, view):
        filterset = self.get_filterset_class(view, queryset)
        if filterset is None or not filterset.base_filters.keys() & request.query_params.keys():
            return queryset
        return super().filter_queryset(request, queryset, view)


class AskedSearch(SearchFilter):
    """Search where a list has `search_fields`, and say so nowhere else."""

    def get_schema_operation_parameters(self, view):
        if not self.get_search_fields(view, None):
            return []
        return super().get_schema_operation_parameters(view)


class MomentFormField(forms.Field):
    """A time with its UTC offset; a `+` that arrived as a space is accepted."""

    def to_python(self, value):
        if value in (None, ""):
            return None
        try:
            return MomentField().run_validation(value.replace(" ", "+"))
        except serializers.ValidationError as error:
            raise forms.ValidationError([str(detail) for detail in error.detail]) from None


class MomentFilter(django_filters.Filter):
    field_class = MomentFormField


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


class PeriodFilterSet(Filters):
    """`from` and `until` of one time: half-open. `moment` names its field."""

    moment = ""

    @classmethod
    def get_filters(cls):
        filters = super().get_filters()
        if cls.moment:
            filters["from"] = MomentFilter(field_name=cls.moment, lookup_expr="gte")
            filters["until"] = MomentFilter(field_name=cls.moment, lookup_expr="lt")
        return filters


def id_filter(name):
    """Return a filter by the id of a related row."""
    return django_filters.NumberFilter(field_name=f"{name}_id", min_value=1, max_value=2**62)
