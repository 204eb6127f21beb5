"""Tests of the shop, with budgets. Their names say what must become of them."""

from unittest import TestCase

import pytest
from django.test import TestCase as DatabaseTestCase
from shop.catalogue.models import Author, Book
from shop.rows import fill

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    fill(9)


def test_passes_joined(shop, client, budget):
    with budget(1):
        client.get("/catalogue/joined/")


def test_fails_books(shop, client, budget):
    with budget(100):
        client.get("/catalogue/books/")


@pytest.mark.queries(max=1)
def test_passes_marked(shop, client):
    client.get("/catalogue/joined/")


@pytest.mark.queries(max=0)
def test_fails_marked(shop, client):
    client.get("/catalogue/joined/")


@pytest.mark.queries(max=100)
def test_fails_orders(shop, client):
    client.get("/orders/")


@pytest.mark.queries(max=100, loops=True)
def test_passes_with_loops(shop, client):
    client.get("/orders/")


@pytest.mark.queries(max=6)
def test_passes_making_rows_one_by_one():
    for number in range(3):
        Book.objects.create(
            title=str(number), price=number, author=Author.objects.create(name=str(number))
        )


class Shelves(DatabaseTestCase):
    @classmethod
    def setUpTestData(cls):
        fill(9)

    @pytest.mark.queries(max=100)
    def test_fails_shelf(self):
        self.client.get("/catalogue/shelf/")

    @pytest.mark.queries(max=1)
    def test_passes_tidy_shelf(self):
        self.client.get("/catalogue/tidy-shelf/")


class Plain(TestCase):
    def test_passes_without_a_budget(self):
        assert True
