from django.db import models

from shop.catalogue.models import Book


class Order(models.Model):
    number = models.IntegerField()
    reminded = models.BooleanField(default=False)

    def __str__(self):
        return str(self.number)


class Line(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    book = models.ForeignKey(Book, models.CASCADE)

    def __str__(self):
        return f"{self.order_id}: {self.book_id}"
