"""The address register: public data of the whole installation, not of one company.

A register of a million addresses has some sixty thousand streets: they are searched, and an
address is found by its number in its street. `bookings.places.import_addresses` alone writes here,
`bookings.places.register` reads. Texts to be compared are folded (`drivers.db.folding.fold`).
Positions are degrees, WGS 84.
"""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from drivers.db.indexes import Index
from drivers.db.rules import Unique

ONCE = _("The address register has this already.")


class BytewiseField(models.CharField):
    """A folded text in the order of its bytes, so that an index finds what begins with a text."""

    def db_parameters(self, connection: Any) -> Any:
        collation = "C" if connection.vendor == "postgresql" else "BINARY"
        return super().db_parameters(connection) | {"collation": collation}


class Street(models.Model):
    """A street of a place, or the place itself where houses have numbers alone."""

    key = BytewiseField(max_length=330)  # folded name, postcode and locality
    name = models.CharField(_("name"), max_length=200, blank=True)
    postcode = models.CharField(_("postcode"), max_length=20, blank=True)
    locality = models.CharField(_("locality"), max_length=100, blank=True)
    lat = models.FloatField(_("latitude"))  # the mean of its addresses
    lon = models.FloatField(_("longitude"))
    cell = models.IntegerField(default=0)  # of a grid: `bookings.places.words.cell_of`
    is_searchable = models.BooleanField(default=False)  # its words are stored

    class Meta:
        default_permissions = ()
        verbose_name = _("street")
        verbose_name_plural = _("streets")
        constraints = [Unique(fields=["key"], name="street_once", says=ONCE)]
        indexes = [
            # make_searchable: what an import has added.
            Index(fields=["id"], name="idx_street_new", condition=models.Q(is_searchable=False)),
        ]

    def __str__(self) -> str:
        return self.key


class Address(models.Model):
    """A house of a street, with its position."""

    street = models.ForeignKey(
        Street, models.CASCADE, db_index=False, related_name="addresses", verbose_name=_("street")
    )
    number = BytewiseField(_("number"), max_length=20, blank=True)  # folded: 12b
    lat = models.FloatField(_("latitude"))
    lon = models.FloatField(_("longitude"))

    class Meta:
        default_permissions = ()
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [Unique(fields=["street", "number"], name="address_once", says=ONCE)]

    def __str__(self) -> str:
        return f"{self.street_id} {self.number}"


class AddressWord(models.Model):
    """A word that occurs in streets: in a name, a locality or as a postcode."""

    text = BytewiseField(max_length=60)
    streets = models.IntegerField(default=0)  # in how many

    class Meta:
        default_permissions = ()
        verbose_name = _("word of addresses")
        verbose_name_plural = _("words of addresses")
        constraints = [Unique(fields=["text"], name="address_word_once", says=ONCE)]

    def __str__(self) -> str:
        return self.text


class WordSpelling(models.Model):
    """A misspelling that a word is found by (`bookings.places.words.spellings`)."""

    key = BytewiseField(max_length=60)
    word = models.ForeignKey(AddressWord, models.CASCADE, db_index=False, related_name="spellings")

    class Meta:
        default_permissions = ()
        verbose_name = _("spelling")
        verbose_name_plural = _("spellings")
        constraints = [Unique(fields=["key", "word"], name="word_spelling_once", says=ONCE)]

    def __str__(self) -> str:
        return self.key


class WordInStreet(models.Model):
    """A word occurs in a street, which is in a cell of the grid."""

    word = models.ForeignKey(AddressWord, models.CASCADE, db_index=False, related_name="places")
    cell = models.IntegerField()
    street = models.ForeignKey(Street, models.CASCADE, related_name="words")

    class Meta:
        default_permissions = ()
        verbose_name = _("word in a street")
        verbose_name_plural = _("words in streets")
        constraints = [
            Unique(fields=["word", "cell", "street"], name="word_in_street_once", says=ONCE)
        ]

    def __str__(self) -> str:
        return f"{self.word_id} {self.street_id}"
