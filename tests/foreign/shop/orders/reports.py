from shop.orders.models import Order


def busiest():
    return max(Order.objects.order_by("id"), key=lambda order: order.lines.count())  # fault busiest


def mine(user):
    return Order.objects.filter(reminded=user.is_staff).count()


def numbered():
    return list(Order.objects.filter(number=1_499))
