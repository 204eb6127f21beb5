"""What only a look at the rows can tell: whether they were wanted at all."""

import pytest

from perf.recording.finding import EAGER, ROWS
from perf.recording.record import record_queries
from perf.recording.unused import find_unused
from tests.perf.planted.models import Author, Book, Publisher, Review


@pytest.fixture
def books(db, settings):
    settings.PERF = {"APPS": ["planted"]}
    publisher = Publisher.objects.create(name="Press")
    author = Author.objects.create(name="Ada", publisher=publisher)
    books = Book.objects.bulk_create(Book(title=str(n), author=author) for n in range(12))
    Review.objects.bulk_create(Review(book=book, text="good") for book in books * 10)


def found(use):
    with record_queries(watch_rows=True) as recording:
        use(Book.objects.prefetch_related("reviews").order_by("id"))
    return [(one.kind, one.cure) for one in find_unused(recording)]


@pytest.mark.parametrize(
    ("use", "cure"),
    [
        (len, "Write queryset.count() for len(queryset)."),
        (bool, "Write queryset.exists() for the queryset as a condition."),
    ],
)
def test_rows_that_are_only_counted_are_few_but_for_what_is_prefetched(books, use, cure):
    assert found(use) == [(ROWS, cure)]


def test_what_is_prefetched_is_not_taken_for_rows_that_are_only_counted(books):
    """120 reviews are fetched, for books that are looked at after their number is asked for."""

    def use(queryset):
        assert len(queryset) == 12
        assert sum(len(book.reviews.all()) for book in queryset) == 120

    assert found(use) == []


def test_a_prefetch_for_rows_that_are_used_is_still_found(books):
    def use(queryset):
        assert len(queryset) == 12
        assert [book.title for book in queryset]

    [(kind, cure)] = found(use)
    assert (kind, cure) == (EAGER, "Take “reviews” out of prefetch_related().")
