"""The line of an index is that of its name, of its field, or of its class."""

import pytest
from django.contrib.auth import get_user_model

from perf.indexes.catalog import IndexFacts
from perf.indexes.declared import declared_at, model_at
from tests import PROJECT
from tests.perf.planted.models import Book, Visit

pytestmark = pytest.mark.any_database


def facts(table, name, *columns, declared=False):
    return IndexFacts(name, table, columns, "", False, False, declared, 0, "")


def line_of(text):
    lines = (PROJECT / "tests" / "perf" / "planted" / "models.py").read_text().splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if text in line]
    return f"tests/perf/planted/models.py:{number}"


def test_an_index_of_meta_stands_where_its_name_does():
    table = Visit._meta.db_table
    found = declared_at(facts(table, "visit_note", "note", declared=True))
    assert found == f"{line_of('visit_note')} Visit"


def test_an_index_of_a_field_stands_at_the_field():
    found = declared_at(facts(Book._meta.db_table, "planted_book_editor_id_1", "editor_id"))
    assert found == f"{line_of('editor = ')} Book"


def test_an_index_with_a_name_that_django_made_stands_at_its_class():
    found = declared_at(facts(Book._meta.db_table, "planted_boo_x_1_idx", "price", declared=True))
    assert found == f"{line_of('class Book(')} Book"


def test_an_index_that_no_model_declares_stands_in_its_table():
    assert declared_at(facts("planted_book", "by_hand", "price")) == "planted_book"
    assert declared_at(facts("no_table_of_ours", "by_hand", "price")) == "no_table_of_ours"


def test_an_index_of_a_many_to_many_table_stands_at_the_model_that_has_the_field():
    through = get_user_model().groups.through
    found = declared_at(facts(through._meta.db_table, "some_1", "group_id"))
    assert found.endswith(f" {through._meta.auto_created.__qualname__}")


def test_a_missing_index_belongs_to_the_class_of_its_table():
    assert model_at(Book._meta.db_table) == f"{line_of('class Book(')} Book"
    assert model_at("no_table_of_ours") == "no_table_of_ours"
