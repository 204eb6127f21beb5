"""The form of a row: it checks the constraints of the whole row, and shows what refused a save."""

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldBooleanWidget

from drivers.admin.places import PlaceInput
from drivers.db.constraints import fields_of
from drivers.models import FAR_MEANT, asks_if_far
from drivers.refused import Refused

CONFLICT = _(
    "Nothing was saved: it conflicts with what somebody else has just saved. Check the values and "
    "save again."
)

IS_FAR = _("It is that far: save it as it is.")


class ConfirmsFarPlaces(forms.BaseForm):
    """Mixin for a form with places: asked about a far one, it shows the checkbox that confirms it.

    The checkbox stands with the errors of the whole form, and only when it is needed. The places
    that are offered are those of the company `places_of`, None for the current one.
    """

    places_of = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if self.places_of is not None and isinstance(field.widget, PlaceInput):
                field.widget.search_for(self.places_of)

    @property
    def far_meant(self):
        return bool(self.data.get(FAR_MEANT))

    def non_field_errors(self):
        errors = super().non_field_errors()
        if not self.errors:
            return errors
        if not self.far_meant and not asks_if_far(forms.ValidationError(self.errors.as_data())):
            return errors
        box = UnfoldBooleanWidget().render(FAR_MEANT, self.far_meant)
        label = format_html('<label class="flex gap-2 items-center">{} {}</label>', box, IS_FAR)
        return self.error_class([*errors, label])


class ChecksWholeRow(ConfirmsFarPlaces, forms.ModelForm):
    """Mixin for the forms of an admin; `refusal` is what refused to save this form before.

    Django leaves out of the validation every constraint with a field that the form does not have,
    so a name that is unique within a fixed company would be checked by nobody but the database.
    """

    refusal = None

    def _post_clean(self):
        self.instance.far_meant = self.far_meant
        super()._post_clean()
        if not self.instance._state.adding:  # what is not on the form is as it is stored
            self._check_beside_fixed_fields()
        if isinstance(self.refusal, IntegrityError):
            self.add_error(None, ValidationError(CONFLICT, code="conflict"))
        elif isinstance(self.refusal, Refused):
            add_refusal(self, self.refusal)
        elif self.refusal:
            self.add_error(None, self.refusal)

    def _check_beside_fixed_fields(self):
        """Check the constraints with a field of the form and one that is not on it."""
        model, on_form = self._meta.model, self.fields.keys()
        exclude = self._get_validation_exclusions() & on_form
        for constraint in model._meta.constraints:
            names = fields_of(constraint)
            if names & on_form and names - on_form:
                try:
                    constraint.validate(model, self.instance, exclude=exclude)
                except ValidationError as taken:
                    self.add_error(None, taken)

    def add_error(self, field, error):
        """Add the errors; those of a field that is not on the form are shown above it."""
        by_field = getattr(error, "error_dict", {})
        if field is None and by_field.keys() - {*self.fields, NON_FIELD_ERRORS}:
            shown: dict[str, list] = {}
            for name, errors in by_field.items():
                here = name if name in self.fields else NON_FIELD_ERRORS
                shown.setdefault(here, []).extend(errors)
            error = ValidationError(shown)
        super().add_error(field, error)


def add_refusal(form, refusal):
    """Show what a use-case refuses at its field of the form, or above the form."""
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
