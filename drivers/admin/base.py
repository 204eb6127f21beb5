"""Base classes of the admin: rows of a user's companies, with permissions by role."""

from collections.abc import Callable
from copy import copy
from typing import Any

from django.contrib.admin import ShowFacets
from django.core.exceptions import ValidationError
from django.core.validators import EMPTY_VALUES
from django.db import IntegrityError
from django.db.models import DateTimeField
from django.forms import BaseInlineFormSet, ModelChoiceField
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin, TabularInline

from drivers.admin.fields import MomentField, MomentWidget
from drivers.admin.forms import ChecksWholeRow
from drivers.admin.paginator import BoundedPaginator
from drivers.companies.current import act_for, memberships_of
from drivers.companies.roles import STAFF_ROLES, WRITING_ROLES, companies_of
from drivers.models import Company, Customer
from drivers.refused import Refused


class CompanyScopedAdmin(ModelAdmin):
    """Show and change only rows of the user's companies, as the user's roles allow.

    `company_path` leads from the model to its company, which cannot be changed. The page of a row
    shows times in the timezone of its company, a list in that of the current company.
    """

    company_path = "company"
    reading_roles = STAFF_ROLES
    writing_roles = WRITING_ROLES
    # Refusals of a save that a page of their own shows, not the form.
    shown_apart: tuple[type[Refused], ...] = ()
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # they count every row
    list_per_page = 50
    list_fullwidth = True
    warn_unsaved_form = True

    def __init__(self, model, admin_site):
        super().__init__(model, admin_site)
        # Not in the class: those of a subclass would take its place.
        self.formfield_overrides[DateTimeField] = {
            "form_class": MomentField,
            "widget": MomentWidget,
        }

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change, **kwargs)
        attrs = {
            "refusal": getattr(request, "refusal", None),
            "places_of": request.company,
            "__module__": form.__module__,
        }
        return type(form.__name__, (ChecksWholeRow, form), attrs)

    def changeform_view(self, request, *args, **kwargs):
        """Show the form again, with what it says, if the database or a use-case refuses the row."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (IntegrityError, ValidationError, Refused) as refusal:
            # Not twice: even the form that says it was taken.
            if hasattr(request, "refusal") or isinstance(refusal, self.shown_apart):
                raise
            request.refusal = refusal
            request.row_as_read = getattr(request, "row_as_read", None)  # a new row was not read
        response = super().changeform_view(request, *args, **kwargs)
        response.status_code = getattr(request.refusal, "status", response.status_code)
        return response

    def get_object(self, request, object_id, from_field=None):
        if getattr(request, "refusal", None) and request.row_as_read:
            return request.row_as_read  # the one read first holds what was refused
        obj = super().get_object(request, object_id, from_field)
        if obj is not None:
            act_for(request, self._company_id(obj))
            if self.company_path == "company":
                obj.company = request.company  # the same, read already
        request.row_as_read = copy(obj)
        return obj

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        # Values, no subquery: of one company a list is then read in the order of an index.
        company_ids = sorted(self._company_ids(request, self.reading_roles))
        return rows.filter(**{f"{self.company_path}__in": company_ids})

    def has_module_permission(self, request):
        return self._has_role(request, self.reading_roles)

    def has_view_permission(self, request, obj=None):
        return self._has_role(request, self.reading_roles, obj)

    def has_add_permission(self, request):
        return self._has_role(request, self.writing_roles)

    def has_change_permission(self, request, obj=None):
        return self._has_role(request, self.writing_roles, obj)

    def has_delete_permission(self, request, obj=None):
        return self._has_role(request, self.writing_roles, obj)

    def _has_role(self, request, roles, obj=None):
        user = request.user
        if not (user.is_active and user.is_staff):
            return False
        if user.is_superuser:
            return True
        company_ids = self._company_ids(request, roles)
        return bool(company_ids) if obj is None else self._company_id(obj) in company_ids

    def _company_ids(self, request, roles):
        """Return the ids of the user's companies with these roles."""
        return {row.company_id for row in memberships_of(request) if row.role in roles}

    def _company_id(self, obj):
        *path, last = self.company_path.split("__")
        for name in path:
            obj = getattr(obj, name)
        return getattr(obj, f"{last}_id")

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if not request.user.is_superuser and "queryset" not in kwargs:
            companies = companies_of(request.user, self.writing_roles)
            model = db_field.remote_field.model
            rows = model._default_manager
            if model is Company:
                kwargs["queryset"] = companies
            elif any(field.name == "company" for field in model._meta.fields):
                kwargs["queryset"] = rows.filter(company__in=companies)
            else:
                kwargs["queryset"] = rows.none()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request, obj=None):
        fixed = ("company",) if obj and self.company_path == "company" else ()
        return (*super().get_readonly_fields(request, obj), *fixed)


class RowsReadOnce(BaseInlineFormSet):
    """A formset that finds submitted rows among those already read, without a query for each."""

    def add_fields(self, form, index):
        super().add_fields(form, index)
        form.fields[self._pk_field.name].to_python = self._row

    def _row(self, value):
        if value in EMPTY_VALUES:
            return None
        matches = (row for row in self.get_queryset() if str(row.pk) == str(value))
        if row := next(matches, None):
            return row
        raise ValidationError(_("This row no longer exists. Reload the page."))


class RowChoice(ModelChoiceField):
    """A choice of rows that are read once for all forms of a formset."""

    def __init__(self, queryset, **kwargs):
        super().__init__(queryset, **kwargs)
        self.rows = {str(row.pk): row for row in queryset}
        self.choices = [("", "---------"), *((pk, str(row)) for pk, row in self.rows.items())]

    def to_python(self, value):
        if value in EMPTY_VALUES:
            return None
        if str(value) not in self.rows:
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return self.rows[str(value)]


class ScopedInline(TabularInline):
    """Rows edited on the page of their parent, with the permissions of the parent."""

    formset = RowsReadOnce
    hide_title = True

    def get_formset(self, request, obj=None, **kwargs):
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.places_of = request.company  # a class of this request
        return formset

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Name the field in its cell too: the head of a column is no label."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and field.label:
            inner = getattr(field.widget, "widget", field.widget)
            inner.attrs.setdefault("aria-label", capfirst(field.label))
        return field

    def has_view_permission(self, request, obj=None):
        return True

    def has_change_permission(self, request, obj=None):
        return self._parent_admin().has_change_permission(request, obj)

    def has_add_permission(self, request, obj=None):
        return self._parent_admin().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        return self._parent_admin().has_change_permission(request, obj)

    def _parent_admin(self):
        return self.admin_site.get_model_admin(self.parent_model)


class ListsOneCompany:
    """Restrict the list to the current company, so that an index gives its order.

    For models with many rows; put it before CompanyScopedAdmin. Another company is chosen above
    the list.
    """

    def get_changelist_instance(self, request):
        request.one_company = True
        return super().get_changelist_instance(request)

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        if getattr(request, "one_company", False):
            return rows.filter(company=request.company)
        return rows


class OfCustomerAdmin(CompanyScopedAdmin):
    """Rows that a customer owns: chosen once, the default one's if none is chosen."""

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name != "customer":
            return super().formfield_for_foreignkey(db_field, request, **kwargs)
        companies = companies_of(request.user, self.writing_roles)
        rows = Customer.objects.filter(company__in=companies).select_related("company")
        kwargs |= {
            "queryset": rows.order_by("company__name", "name", "id"),
            "required": False,
            "help_text": _("The client's, or the default customer, if empty. It never changes."),
        }
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.label_from_instance = lambda row: f"{row} · {row.company}"
        return field

    def get_readonly_fields(self, request, obj=None):
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "customer") if obj else fixed


class ReadsPage(ModelAdmin):
    """Read what the columns need for all rows of a page of the list at once.

    `read_page(request, rows)` sets attributes of the rows, which the columns show.
    """

    read_page: Callable[[HttpRequest, list[Any]], None]

    def changelist_view(self, request, *args, **kwargs):
        response = super().changelist_view(request, *args, **kwargs)
        # Here and not in the ChangeList, which actions and exports make too, for no page.
        if page := getattr(response, "context_data", {}).get("cl"):
            page.result_list = list(page.result_list)
            self.read_page(request, page.result_list)
        return response


class ReadOnlyAdmin(CompanyScopedAdmin):
    """Pages of rows that only a use-case may write."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
