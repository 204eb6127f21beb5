from django.http import JsonResponse
from django.shortcuts import render

from shop.catalogue.models import Book


def books(request):
    found = [
        {"title": book.title, "author": book.author.name}  # fault books
        for book in Book.objects.order_by("id")
    ]
    return JsonResponse({"books": found})


def joined(request):
    found = [
        {"title": book.title, "author": book.author.name}
        for book in Book.objects.select_related("author").order_by("id")
    ]
    return JsonResponse({"books": found})


def shelf(request):
    return render(request, "catalogue/shelf.html", {"books": Book.objects.order_by("id")})


def tidy_shelf(request):
    books = Book.objects.select_related("author").order_by("id")
    return render(request, "catalogue/tidy_shelf.html", {"books": books})
