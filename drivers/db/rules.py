"""Constraints that say what would be right, to people, and which field is meant.

The texts are no part of what the database keeps: a migration knows only Django's constraint of the
same name, and a text can change without one.
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import BaseConstraint, CheckConstraint, Q, UniqueConstraint
from django.utils.translation import gettext_lazy as _

CHOICE = _("Choose a value from the list.")
POSITION = _("A latitude is from -90 to 90 degrees, a longitude from -180 to 180.")
POSITION_OR_NONE = _(
    "Give both a latitude (-90 to 90 degrees) and a longitude (-180 to 180), or neither."
)


class _SaysWhatIsRight(BaseConstraint):
    """`says` is the sentence for people, `field` the one to change, if it is one."""

    def __init__(self, *, says: Any = None, field: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.says, self.field = says, field

    def validate(
        self,
        model: type[models.Model],
        instance: models.Model,
        exclude: Iterable[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        excluded = set(exclude or ())
        try:
            super().validate(model, instance, excluded, using)
        except ValidationError as broken:
            error = broken
            if self.says:  # a form replaces the texts of "invalid" and "unique" by its own
                error = ValidationError(self.says, code=self.violation_error_code or "rule")
            if self.field and self.field not in excluded:
                error = ValidationError({self.field: error})
            raise error from None

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        _path, args, kwargs = super().deconstruct()
        own = "django.db.models.constraints"
        name = next(kind.__name__ for kind in type(self).__mro__ if kind.__module__ == own)
        return f"django.db.models.{name}", args, kwargs

    def clone(self) -> "_SaysWhatIsRight":
        _path, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs, says=self.says, field=self.field)


class Check(_SaysWhatIsRight, CheckConstraint):
    """A condition for the values of one row."""


class KeptCheck(Check):
    """A condition that nobody breaks by writing: the database alone checks it.

    No person writes its columns, or their validators have said it already.
    """

    def validate(
        self,
        model: type[models.Model],
        instance: models.Model,
        exclude: Iterable[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        """Nothing to validate: each condition would be a statement of every save."""


class Between(Check):
    """A moment or a day in [first, end), or none: checked without asking the database."""

    def __init__(self, *, name: str, field: str, first: Any, end: Any, says: Any) -> None:
        self.first, self.end = first, end
        condition = Q(**{f"{field}__gte": first, f"{field}__lt": end})
        super().__init__(condition=condition, name=name, says=says, field=field)

    def validate(
        self,
        model: type[models.Model],
        instance: models.Model,
        exclude: Iterable[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        value = getattr(instance, self.field)
        if value is None or self.field in set(exclude or ()) or self.first <= value < self.end:
            return
        raise ValidationError({self.field: ValidationError(self.says, code="bounds")})

    def clone(self) -> "Between":
        return type(self)(
            name=self.name, field=self.field, first=self.first, end=self.end, says=self.says
        )


class Unique(_SaysWhatIsRight, UniqueConstraint):
    """Values that no other row has."""
