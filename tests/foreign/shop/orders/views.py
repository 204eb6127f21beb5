from django.db.models import Count
from django.http import JsonResponse

from shop.orders.models import Order


def orders(request):
    found = [order.lines.count() for order in Order.objects.order_by("id")]  # fault orders
    return JsonResponse({"lines": found})


def counted(request):
    found = Order.objects.annotate(count=Count("lines")).order_by("id")
    return JsonResponse({"lines": [order.count for order in found]})


def one(request, number):
    return JsonResponse({"reminded": Order.objects.get(number=number).reminded})
