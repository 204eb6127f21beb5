"""Ask whether a place far from the company's depot, or that no road reaches, is meant.

Wherever a place is entered. Most such places are a slip: latitude and longitude swapped, a sign or
a digit lost. It is a question, no prohibition: whoever says that it is meant (`far_meant`) saves
the row. In a form the answer is for one place, that with these degrees. Only a new or changed place
is asked about. Degrees, WGS 84; distances are great-circle kilometres.

This app knows no roads: who does registers them in its `ready()`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from math import asin, cos, radians, sin, sqrt
from typing import Any, ClassVar, NamedTuple, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from drivers.models.company import Company

FAR_KM = 300  # more than a day of trips: there and back to a place is
FAR_AWAY = "far_away"  # the code of the question
FAR_MEANT = "far_meant"  # the name of the answer: an attribute of a row, a field of every door
EARTH_RADIUS_KM = 6_371.0088

Values = Mapping[str, Any]
Position = tuple[float, float]  # latitude, longitude
Meant = bool | Collection[Position]  # every far place of a row, none, or these
# What to ask about places that no road reaches, by the place; nothing where nobody knows.
Unreached = Callable[[Company, Sequence[Position]], Mapping[Position, str]]
UNREACHED: list[Unreached] = []


class Entered(NamedTuple):
    """A row whose places are entered, with the values that are `stored` of it."""

    row: Values
    stored: Values | None = None
    meant: Meant = False


def register(unreached: Unreached) -> None:
    """Let this function say which places no road reaches."""
    UNREACHED[:] = [unreached]


def far_places(
    company: Company,
    row: Values,
    ends: Iterable[str],
    stored: Values | None = None,
    meant: Meant = False,
) -> dict[str, str]:
    """Return {field of the latitude: question} for the far places that are not stored or `meant`.

    `ends` are the beginnings of the names of its fields, such as "pickup_". No query.
    """
    return far_places_of(company, [Entered(row, stored, meant)], ends)[0]


def far_places_of(
    company: Company, rows: Iterable[Entered], ends: Iterable[str]
) -> list[dict[str, str]]:
    """Return the same of each row: the roads are asked about all its places at once. No query."""
    ends = tuple(ends)
    asked = [
        {f"{end}lat": place for end in _new_ends(one, ends) if (place := _position(one.row, end))}
        for one in rows
    ]
    said = _questions(company, {place for fields in asked for place in fields.values()})
    return [
        {name: said[place] for name, place in fields.items() if place in said} for fields in asked
    ]


def _new_ends(one: Entered, ends: Iterable[str]) -> list[str]:
    """Return the ends whose place is new and not said to be meant."""
    if one.meant is True:
        return []
    return [
        end
        for end in changed_places(one.row, ends, one.stored or {})
        if not one.meant or _place(one.row, end) not in one.meant
    ]


def _questions(company: Company, places: Collection[Position]) -> dict[Position, str]:
    """Return what is to be asked about these places; of those near and reached nothing."""
    far = {place: text for place in places if (text := _question(company, *place))}
    near = sorted(set(places) - far.keys())
    for unreached in UNREACHED if near else ():
        far |= unreached(company, near)
    return far


def changed_places(row: Values, ends: Iterable[str], stored: Values) -> list[str]:
    """Return the ends whose place is known and differs from the stored one."""
    return [
        end
        for end in ends
        if (place := _place(row, end)) != _place(stored, end) and None not in place
    ]


def questions(asked: Mapping[str, str], row: Values) -> dict[str, ValidationError]:
    """Return the questions of `far_places` as errors that know of which place they ask."""
    return {
        name: ValidationError(
            text, code=FAR_AWAY, params={"place": _place(row, name.removesuffix("lat"))}
        )
        for name, text in asked.items()
    }


def asked_about(error: ValidationError) -> list[Position]:
    """Return the places about which the refusal asks whether they are meant, each once."""
    by_field = getattr(error, "error_dict", None)
    parts = [one for errors in by_field.values() for one in errors] if by_field else [error]
    asked = [one for part in parts for one in part.error_list if one.code == FAR_AWAY]
    return list(dict.fromkeys(one.params["place"] for one in asked if one.params))


def written(place: Position) -> str:
    """Return a place as a checkbox sends it."""
    return f"{place[0]!r},{place[1]!r}"


def read_meant(sent: Iterable[str]) -> frozenset[Position]:
    """Return the places of the checkboxes that were sent; what is no place answers for none."""
    places = set()
    for text in sent:
        with suppress(ValueError):
            lat, lon = map(float, text.split(","))
            places.add((lat, lon))
    return frozenset(places)


@cache
def _names(ends: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{end}{what}" for end in ends for what in ("lat", "lon"))


def _place(row: Values, end: str) -> tuple[float | None, float | None]:
    return row.get(f"{end}lat"), row.get(f"{end}lon")


def _position(row: Values, end: str) -> Position | None:
    """Return the place if it is one on earth; of others the field itself speaks."""
    lat, lon = row[f"{end}lat"], row[f"{end}lon"]
    return (lat, lon) if -90 <= lat <= 90 and -180 <= lon <= 180 else None


def _question(company: Company, lat: float, lon: float) -> str | None:
    """Return the sentence that asks about a far place, with what it is if swapped, or None."""
    km = _km_from_depot(company, lat, lon)
    if km <= FAR_KM:
        return None
    swapped_km = _km_from_depot(company, lon, lat) if -90 <= lon <= 90 else km
    shown = {"lat": lat, "lon": lon, "km": _whole(km), "swapped_km": _whole(swapped_km)}
    if swapped_km > FAR_KM:
        text = _("Latitude %(lat)s, longitude %(lon)s is %(km)s km from the depot.")
    else:
        text = _(
            "Latitude %(lat)s, longitude %(lon)s is %(km)s km from the depot. Swapped it would be "
            "%(swapped_km)s km away: enter %(lon)s and %(lat)s."
        )
    return text % shown


def _km_from_depot(company: Company, lat: float, lon: float) -> float:
    return km_between(company.depot_lat, company.depot_lon, lat, lon)


def km_between(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Haversine formula: Sinnott, Virtues of the Haversine, Sky & Telescope 68 (1984), p. 159."""
    lat1, lon1, lat2, lon2 = map(radians, (lat1, lon1, lat2, lon2))
    chord = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))


def _whole(km: float) -> str:
    return str(number_format(round(km), use_l10n=True, force_grouping=True))


class AsksAboutFarPlaces(models.Model):
    """Mixin for a row with places: its validation asks about new ones that are far away.

    `ENDS` are the beginnings of the names of their fields. Every door that validates a row asks;
    what is written in bulk asks `far_places` itself.
    """

    ENDS: ClassVar[tuple[str, ...]]
    far_meant: Meant = False
    stored_places: Values = {}

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        self._remember()

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        row = super().from_db(*args, **kwargs)
        row._remember()
        return row

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        if kwargs.get("fields") is None:  # not one field that was left out at first
            self._remember()

    def clean(self) -> None:
        super().clean()
        if not changed_places(vars(self), self.ENDS, self.stored_places):
            return
        company, row = self.depot_owner(), vars(self)
        if company is None:
            return
        asked = far_places(company, row, self.ENDS, self.stored_places, self.far_meant)
        if asked:
            raise ValidationError(questions(asked, row))

    def depot_owner(self) -> Company | None:
        """Return the company whose depot counts, None while it is not known."""
        company: Company | None = getattr(self, "company", None)
        return company

    def _remember(self) -> None:
        known = self.__dict__.get  # of each row that is read: as little work as possible
        self.stored_places = {name: known(name) for name in _names(self.ENDS)}
