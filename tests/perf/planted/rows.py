"""The rows that planted requests find: few books for loops, many loans and visits for indexes."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.apps import apps
from django.db import connection
from django.db.models.functions import Lower

from perf.measuring.scratch import scratch_database
from tests.perf.planted.models import (
    Author,
    Book,
    Library,
    Loan,
    Publisher,
    Review,
    Shelf,
    Stamp,
    Visit,
)

FEW, SOME, MANY = 12, 2_000, 20_000
START = datetime(2026, 1, 1, tzinfo=UTC)
LIBRARIES, SHELVES, READERS = 40, 800, 1_000
STEP = 7_919  # prime to all of these: neighbours in the table have nothing in common


def plant(books):
    publishers = [Publisher(name=f"Press {number}") for number in range(4)]
    Publisher.objects.bulk_create(publishers)
    authors = [
        Author(name=f"Author {number}", publisher=publishers[number % 4]) for number in range(8)
    ]
    Author.objects.bulk_create(authors)
    Book.objects.bulk_create(
        [
            Book(
                title=f"Book {number}",
                author=authors[number % 8],
                editor=authors[(number + 3) % 8] if number % 3 else None,
                blurb="long " * 60,
                scan={"pages": ["long " * 60] * 2},
            )
            for number in range(books)
        ]
    )
    Review.objects.bulk_create(
        [Review(book=book, text="good") for book in Book.objects.order_by("id")[:12]] * 2
    )


def clear():
    """Take away what `plant` made."""
    for model in (Review, Book, Author, Publisher):
        query = model.objects.all()
        query._raw_delete(query.db)


@contextmanager
def scratch_tables():
    """Use a scratch database with the planted tables; they have no migrations."""
    with scratch_database():
        with connection.schema_editor() as editor:
            for model in apps.get_app_config("planted").get_models():
                editor.create_model(model)
        yield


def plant_many(rows=MANY):
    """Plant so many loans and visits; nothing may be open: PostgreSQL is told to VACUUM."""
    libraries = Library.objects.bulk_create(Library(name=f"L{n}") for n in range(LIBRARIES))
    shelves = Shelf.objects.bulk_create(Shelf(name=f"S{n}") for n in range(SHELVES))

    def row(number):
        mixed = number * STEP
        return {
            # The first has a quarter of all; the others are small.
            "library": libraries[0 if number % 4 == 1 else mixed % LIBRARIES],
            "shelf": shelves[mixed % SHELVES],
            "reader": f"Reader {mixed % READERS}",
            "email": f"Reader{mixed % rows}@Example.org",
            "phone": f"0{mixed % rows}",
            "note": f"{mixed % rows:06} " + "said at the desk " * 12,
        }

    def moment(number):
        return START + timedelta(minutes=number * STEP % rows * 20)

    Loan.objects.bulk_create(
        (
            Loan(
                **row(number),
                status="lost" if number % 400 == 7 else "out" if number % 300 == 5 else "back",
                lent_at=moment(number),
                due_at=moment(number * 3),
                seen_at=moment(number * 7),
            )
            for number in range(rows)
        ),
        batch_size=1_000,
    )
    Visit.objects.bulk_create(
        (
            Visit(
                **row(number),
                door=("north", "south", "east", "west")[number % 4],
                status="banned" if number % 400 == 7 else "guest",
                at=moment(number),
            )
            for number in range(rows)
        ),
        batch_size=1_000,
    )
    settle()


def settle(*models):
    """Let the database know the rows of the models, by default of those that `plant_many` fills."""
    with connection.cursor() as cursor:
        for model in models or (Library, Shelf, Loan, Visit):
            cursor.execute(
                f"{'VACUUM ANALYZE' if connection.vendor == 'postgresql' else 'ANALYZE'} "
                f"{model._meta.db_table}"
            )


@contextmanager
def worn(rows=12_000):
    """Change every stamp where PostgreSQL looks after nothing; take them away at the end."""
    table = Stamp._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        try:
            Stamp.objects.bulk_create(Stamp(ink="blue") for _number in range(rows))
            cursor.execute("SELECT pg_stat_force_next_flush()")
            cursor.execute(f"VACUUM ANALYZE {table}")
            Stamp.objects.update(ink="black")
            cursor.execute("SELECT pg_stat_force_next_flush()")
            yield
        finally:
            cursor.execute(f"TRUNCATE {table}")
            cursor.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")


def read_often(times=1_000):
    """Read visits so often that an index nobody used can be called unused; use the good ones."""
    for _time in range(times):
        Visit.objects.filter(reader="nobody").exists()
    first = Visit.objects.first()
    for visits in (
        Visit.objects.order_by("-at"),
        Visit.objects.filter(reader=first.reader).order_by("at"),
        Visit.objects.filter(phone=first.phone),
        Visit.objects.filter(shelf=first.shelf_id),
        Visit.objects.filter(status="banned"),
        Visit.objects.annotate(low=Lower("email")).filter(low=first.email.lower()),
    ):
        list(visits[:2])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
