"""The same list of books in several admin classes, one per fault."""

from django.contrib import admin
from django.db.models import Count
from django.urls import path

from tests.perf.planted.models import Book


class Books(admin.ModelAdmin):
    show_full_result_count = False
    ordering = ["id"]

    def has_view_permission(self, request, obj=None):
        return True

    def get_queryset(self, request):
        # The admin joins foreign keys that are columns by itself; not where this is set.
        return super().get_queryset(request).select_related(None)


class AuthorColumn(Books):
    list_display = ["title", "author_name"]

    def author_name(self, book):
        return book.author.name  # fault admin_column


class CountColumn(Books):
    list_display = ["title", "reviews"]

    def reviews(self, book):
        return book.reviews.count()  # fault admin_count


class PathColumn(admin.ModelAdmin):
    """A path in list_display is not joined by the admin."""

    show_full_result_count = False
    ordering = ["id"]
    list_display = ["title", "author__publisher__name"]


class StrColumn(Books):
    list_display = ["title", "author"]
    list_select_related = ["author"]

    def get_queryset(self, request):
        return admin.ModelAdmin.get_queryset(self, request)


class CountedTwice(admin.ModelAdmin):
    """The admin counts the rows with the filters, and without."""

    ordering = ["id"]
    list_display = ["title"]


class CleanColumns(admin.ModelAdmin):
    show_full_result_count = False
    ordering = ["id"]
    list_display = ["title", "author_name", "author__publisher__name", "reviews", "author"]
    list_select_related = ["author__publisher"]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(number=Count("reviews"))

    def author_name(self, book):
        return book.author.name

    def reviews(self, book):
        return book.number


def pages():
    """Return a URL per admin class, each in a site of its own."""
    for cls in (AuthorColumn, CountColumn, PathColumn, StrColumn, CountedTwice, CleanColumns):
        site = admin.AdminSite(name=cls.__name__)
        site.register(Book, cls)
        yield path(f"admin/{cls.__name__}/", site.urls)
