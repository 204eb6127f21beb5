"""Texts as people compare them: without case, accents, and more than one space in a row.

`fold` is the one definition. A `FoldedField` holds the folded text of another column and folds
whatever it is compared with; `KeepsFolded` lets the database fill it, whoever writes the row and
however. SQLite's triggers call `fold` itself, which every connection of ours knows; a program that
does not can read the file, but not write such a row. PostgreSQL does the same in SQL, made of the
same tables.
"""

import re
import sys
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any
from unicodedata import normalize

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.ddl_references import Statement, Table
from django.db.models import F
from django.db.models.lookups import Contains

from drivers.db.triggers import KeptByDatabase

MARKS = r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
SPACES = r"[\u0009-\u000d\u001c-\u0020\u0085\u1680\u2028\u2029]+"  # what str.split splits at
_marks = re.compile(MARKS)

# Letters that are no letter with a mark to Unicode, and signs that keyboards write differently.
LETTERS = str.maketrans(
    {
        "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i",
        "ŧ": "t", "’": "'", "‘": "'", "ʼ": "'", "‐": "-", "–": "-",
    }
)  # fmt: skip


@lru_cache(maxsize=1_000)  # SQLite's triggers ask three times for each row
def fold(text: str) -> str:
    """Return the text as people compare it: “ÉLODIE  Müller” is “elodie muller”.

    What is folded stays the same when it is folded again.
    """
    if not text.isascii():
        text = _marks.sub("", normalize("NFKD", text))
    text = text.casefold()
    if not text.isascii():
        text = text.translate(LETTERS)
    return " ".join(text.split())


class FoldedField(models.TextField):
    """The folded text of another column, kept by `KeepsFolded`; compared with folded texts.

    Read it from the database: an instance does not know what the database has made of its change.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        options |= {"editable": False, "blank": True, "db_default": ""}
        super().__init__(*args, **options)

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return fold(value) if isinstance(value, str) else value


class FoldedContains(Contains):
    """Both sides are folded: the plain LIKE, which is faster than the one that ignores case."""

    prepare_rhs = True


FoldedField.register_lookup(FoldedContains)
FoldedField.register_lookup(FoldedContains, "icontains")


class KeepsFolded(KeptByDatabase):
    """The column `folded` of a row is always what `fold` makes of its column `source`.

    Or of several columns, one after the other, with a space between.
    """

    def __init__(
        self, *, name: str, source: str | Sequence[str], folded: str, **messages: Any
    ) -> None:
        self.source = source if isinstance(source, str) else tuple(source)
        self.folded = folded
        super().__init__(name=name, **messages)

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {quote(self.name + '_update')}")
            return f"DROP TRIGGER IF EXISTS {quote(self.name + '_insert')}"
        return f"DROP FUNCTION IF EXISTS {quote(self.name)}() CASCADE"

    def _statements(self, model: Any, schema_editor: Any) -> list[Statement]:
        quote = schema_editor.quote_name
        names = (self.source,) if isinstance(self.source, str) else self.source
        *sources, folded = (
            quote(model._meta.get_field(name).column) for name in (*names, self.folded)
        )
        sqlite = schema_editor.connection.vendor == "sqlite"
        templates = _sqlite(self.name, quote) if sqlite else _postgresql(quote(self.name))
        return [
            Statement(
                template,
                table=Table(model._meta.db_table, quote),
                key=quote(model._meta.pk.column),
                text=" || ' ' || ".join(f"NEW.{source}" for source in sources),
                sources=", ".join(sources),
                folded=folded,
            )
            for template in templates
        ]

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, kwargs | {"source": self.source, "folded": self.folded}


def _sqlite(name: str, quote: Any) -> list[str]:
    return [
        f"CREATE TRIGGER {quote(f'{name}_{event.lower()}')} AFTER {event}{columns} ON %(table)s "
        "WHEN NEW.%(folded)s IS NOT fold(%(text)s) BEGIN UPDATE %(table)s "
        "SET %(folded)s = fold(%(text)s) WHERE %(key)s = NEW.%(key)s; END"
        for event, columns in (("INSERT", ""), ("UPDATE", " OF %(sources)s, %(folded)s"))
    ]


def _postgresql(name: str) -> list[str]:
    single, several = _case_and_letters()
    letters = f"translate(t, {_quoted(single)}, {_quoted(single.values())})"
    for letter, instead in several.items():
        letters = f"replace({letters}, '{letter}', '{instead}')"
    not_ascii = "octet_length(t) > length(t)"
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "DECLARE t text := %(text)s; BEGIN "
        f"IF {not_ascii} THEN t := regexp_replace(normalize(t, NFKD), '{MARKS}', '', 'g'); END IF; "
        't := lower(t COLLATE "C"); '  # ASCII alone, in every locale
        f"IF {not_ascii} THEN t := {letters}; END IF; "
        f"NEW.%(folded)s := btrim(regexp_replace(t, '{SPACES}', ' ', 'g'), ' '); "
        "RETURN NEW; END $$",
        f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OF %(sources)s, %(folded)s ON %(table)s "
        f"FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]


@cache
def _case_and_letters() -> tuple[dict[str, str], dict[str, str]]:
    """Return what `fold` makes of letters beyond ASCII without marks: one letter, or several."""
    folded = {
        char: char.casefold().translate(LETTERS)
        for char in map(chr, range(0x80, sys.maxunicode + 1))
        if normalize("NFKD", char) == char
    }
    changed = {char: result for char, result in folded.items() if result != char}
    single = {char: result for char, result in changed.items() if len(result) == 1}
    return single, {char: result for char, result in changed.items() if char not in single}


def _quoted(letters: Any) -> str:
    return "'" + "".join(letters).replace("'", "''") + "'"


def know_fold(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Let a new connection to SQLite call `fold`."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("fold", 1, fold, deterministic=True)


def fold_stored(model: Any, source: str, *, using: str, batch: int = 5_000) -> None:
    """Let the database fold the rows that it had before it did: 2 statements for each batch."""
    rows, last = model.objects.using(using).order_by("pk"), 0
    while ids := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:batch]):
        rows.filter(pk__gt=last, pk__lte=ids[-1]).order_by().update(**{source: F(source)})
        last = ids[-1]
