"""The form of a row: it checks the constraints of the whole row, and shows what refused a save."""

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldBooleanWidget

from drivers.admin.places import PlaceInput
from drivers.db.constraints import fields_of
from drivers.models import FAR_MEANT, OfCustomer, asked_about
from drivers.models.far_places import read_meant, written
from drivers.refused import Refused

CONFLICT = _(
    "Nothing was saved: it conflicts with what somebody else has just saved. Check the values and "
    "save again."
)

IS_MEANT = _("Latitude %(lat)s, longitude %(lon)s is right: save it as it is.")


def far_boxes(asked, ticked):
    """Return (value, whether ticked, label) of the checkbox of each place."""
    places = [(place, False) for place in asked if place not in ticked]
    places += [(place, True) for place in sorted(ticked)]
    return [
        (written(place), is_ticked, IS_MEANT % {"lat": place[0], "lon": place[1]})
        for place, is_ticked in places
    ]


class ConfirmsFarPlaces(forms.BaseForm):
    """Mixin for a form with places: asked about far ones, it shows a checkbox for each.

    The checkboxes stand with the errors of the whole form, and only when they are needed; one
    answers for its place alone. The places that are offered are those of the company `places_of`,
    None for the current one.
    """

    places_of = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if self.places_of is not None and isinstance(field.widget, PlaceInput):
                field.widget.search_for(self.places_of)

    @property
    def far_meant(self):
        sent = self.data.getlist(FAR_MEANT) if hasattr(self.data, "getlist") else ()
        return read_meant(sent)

    def non_field_errors(self):
        errors = super().non_field_errors()
        if not self.errors:
            return errors
        ticks = self.ticks(forms.ValidationError(self.errors.as_data()))
        return self.error_class([*errors, *ticks]) if ticks else errors

    def ticks(self, asked):
        """Return the checkboxes that answer what is asked, as HTML."""
        boxes = far_boxes(asked_about(asked), self.far_meant & self._places())
        return [
            labelled(UnfoldBooleanWidget().render(FAR_MEANT, is_ticked, {"value": value}), label)
            for value, is_ticked, label in boxes
        ]

    def _places(self):
        """Return the places on this form; one without such fields has those that it is asked of."""
        values = getattr(self, "cleaned_data", {})
        names = [name for name in self.fields if name.endswith("lat")]
        if not names:
            return self.far_meant
        return {(values.get(name), values.get(f"{name.removesuffix('lat')}lon")) for name in names}


def labelled(box, text):
    """Return a checkbox with its text behind it, as HTML."""
    return format_html('<label class="flex gap-2 items-center">{} {}</label>', box, text)


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

    def _get_validation_exclusions(self):
        """Let the constraints of an owned row be checked: it takes its customer before."""
        exclude = super()._get_validation_exclusions()
        return exclude - {"customer"} if isinstance(self.instance, OfCustomer) else exclude

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
