"""Texts are compared without case and accents; the database folds names whoever writes them."""

import sys
from unicodedata import category

import pytest
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat

from bookings.models import Client
from drivers.db.bulk import update_rows
from drivers.db.folding import fold
from drivers.models import Driver
from perf.project.scenarios.bulk_insert import insert_rows
from tests.support import builders as make


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ÉLODIE", "elodie"),
        ("E\u0301lodie", "elodie"),  # typed as a letter and a mark
        ("Weiß  \u00a0Müller ", "weiss muller"),
        ("Søren Łuczak Œuvré", "soren luczak oeuvre"),
        ("İpek Yıldız", "ipek yildiz"),
        ("D’Aubigné", "d'aubigne"),
        ("ΜΑΡΊΑ Жанна", "μαρια жанна"),
        ("+41 22 555", "+41 22 555"),
        ("", ""),
    ],
)
def test_case_accents_and_spaces_make_no_difference(text, folded):
    assert fold(text) == folded


def characters():
    for char in map(chr, range(1, sys.maxunicode + 1)):
        if category(char) not in ("Cs", "Cn", "Co"):  # no text, or not yet for every Unicode
            yield char


def test_what_is_folded_stays_the_same():
    assert [char for char in characters() if fold(fold(char)) != fold(char)] == []


@pytest.mark.django_db
@pytest.mark.slow
def test_the_database_folds_every_character_as_python_does():
    known, company = list(characters()), make.company()
    names = ["".join(known[first : first + 50]) for first in range(0, len(known), 50)]
    names += [f"{chr(0x41)}{char}{chr(0x301)}" for char in known[:5_000]]
    Client.objects.bulk_create(Client(company=company, name=name) for name in names)
    rows = Client.objects.values_list("name", "folded_name")
    assert len(rows) == len(names)
    assert [name for name, folded in rows if folded != fold(name)] == []


def by_save(row):
    row.name = "Élodie"
    row.save()


def by_save_of_the_name(row):
    row.name = "Élodie"
    row.save(update_fields=["name"])


def by_save_of_something_stale(row):
    type(row).objects.filter(pk=row.pk).update(name="Élodie")
    row.name = "Élodie"
    row.folded_name = "zoe"
    row.save()


def by_update(row):
    type(row).objects.filter(pk=row.pk).update(name="Élodie")


def by_an_expression(row):
    type(row).objects.filter(pk=row.pk).update(name=Concat(Value("Élod"), Value("ie")))


def by_bulk_update(row):
    row.name = "Élodie"
    type(row).objects.bulk_update([row], ["name"])


def by_bulk_create(row):
    row.delete()
    row.pk, row.name = None, "Élodie"
    type(row).objects.bulk_create([row])


def by_update_of_rows(row):
    update_rows(type(row), ["name"], [(row.pk, "Élodie")])


def by_insert_of_rows(row):
    row.delete()
    columns = [field.attname for field in row._meta.concrete_fields]
    columns.remove("folded_name")
    values = {column: getattr(row, column) for column in columns} | {"name": "Élodie", "id": 1}
    insert_rows(type(row), columns, [tuple(values.values())])


def by_sql(row):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET name = %s", ["Élodie"])


def by_sql_that_writes_the_fold(row):
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET name = %s, folded_name = %s", ["Élodie", "zoe"]
        )


WRITERS = [
    by_save, by_save_of_the_name, by_save_of_something_stale, by_update, by_an_expression,
    by_bulk_update, by_bulk_create, by_update_of_rows, by_insert_of_rows, by_sql,
    by_sql_that_writes_the_fold,
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("build", [make.client, make.driver])
def test_a_name_is_folded_whoever_writes_it(build, write):
    row = build(name="Zoé")
    model = type(row)
    assert model.objects.get().folded_name == "zoe"
    write(row)
    assert model.objects.values_list("name", "folded_name").get() == ("Élodie", "elodie")


@pytest.mark.django_db
def test_the_fold_cannot_be_written_against_the_name():
    make.driver(name="Zoé")
    Driver.objects.update(folded_name="anna")
    assert Driver.objects.get().folded_name == "zoe"


@pytest.mark.django_db
def test_a_name_that_grows_when_it_is_folded_is_stored():
    assert make.client(name="\ufdfa" * 100).pk


@pytest.mark.django_db
def test_a_folded_column_folds_what_it_is_compared_with():
    make.driver(name="Élodie Müller")
    for words in ("ÉLODIE", "die  mul", "MU\u0308LLER"):
        assert Driver.objects.filter(folded_name__icontains=words).exists()
        assert Driver.objects.filter(folded_name__contains=words).exists()
    assert Driver.objects.filter(folded_name="ELODIE MULLER").exists()
    assert not Driver.objects.filter(folded_name__icontains="%").exists()
    assert Driver.objects.filter(folded_name__icontains=F("folded_name")).exists()
