from django.contrib import admin

from shop.catalogue.models import Author, Book


@admin.register(Author)
class AuthorAdmin(admin.ModelAdmin):
    list_display = ["name"]
    show_full_result_count = False


@admin.register(Book)  # fault admin
class BookAdmin(admin.ModelAdmin):
    list_display = ["title", "author__name"]
    show_full_result_count = False
