from django.urls import path

from shop.orders import views

urlpatterns = [
    path("", views.orders),
    path("counted/", views.counted),
    path("<int:number>/", views.one),
]
