"""Books, their authors, their publishers and their reviews."""

from django.db import models


class Publisher(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self):
        return self.name


class Author(models.Model):
    name = models.CharField(max_length=100)
    publisher = models.ForeignKey(Publisher, models.CASCADE)

    def __str__(self):
        return f"{self.name}, {self.publisher.name}"  # fault str


class Book(models.Model):
    title = models.CharField(max_length=100)
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    editor = models.ForeignKey(Author, models.SET_NULL, null=True, related_name="edited")
    price = models.IntegerField(default=0)
    blurb = models.TextField(default="")
    scan = models.JSONField(default=dict)

    def __str__(self):
        return self.title

    @property
    def byline(self):
        return f"by {self.author.name}"  # fault property

    @property
    def praise(self):
        return [review.text for review in self.reviews.filter(stars=5)]  # fault prefetch_filter

    @property
    def praise_in_python(self):
        return [review.text for review in self.reviews.all() if review.stars == 5]


class Review(models.Model):
    book = models.ForeignKey(Book, models.CASCADE, related_name="reviews")
    stars = models.IntegerField(default=5)
    text = models.CharField(max_length=200)

    def __str__(self):
        return self.text
