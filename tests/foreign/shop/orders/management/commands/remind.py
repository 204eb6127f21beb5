from django.core.management.base import BaseCommand

from shop.orders.models import Order


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--all-at-once", action="store_true")

    def handle(self, *, all_at_once, **options):
        waiting = Order.objects.filter(reminded=False)
        if all_at_once:
            waiting.update(reminded=True)
            return
        for order in waiting.order_by("id"):
            order.reminded = True
            order.save()  # fault remind
