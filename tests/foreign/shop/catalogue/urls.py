from django.urls import path

from shop.catalogue import views

urlpatterns = [
    path("books/", views.books),
    path("joined/", views.joined),
    path("shelf/", views.shelf),
    path("tidy-shelf/", views.tidy_shelf),
]
