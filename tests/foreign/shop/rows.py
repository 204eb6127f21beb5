"""Rows to look at."""

from django.contrib.auth import get_user_model

from shop.catalogue.models import Author, Book
from shop.orders.models import Line, Order


def fill(books):
    """Write so many books by a third as many authors, and an order of every second one."""
    get_user_model().objects.create_superuser("root", password="root")
    authors = Author.objects.bulk_create(
        Author(name=f"Author {number}") for number in range(1 + books // 3)
    )
    made = Book.objects.bulk_create(
        Book(title=f"Book {number}", author=authors[number // 3], price=number)
        for number in range(books)
    )
    orders = Order.objects.bulk_create(Order(number=number) for number in range(books // 2))
    Line.objects.bulk_create(
        Line(order=order, book=book) for order in orders for book in made[order.number :][:2]
    )
