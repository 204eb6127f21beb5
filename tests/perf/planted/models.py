"""Books, their authors, their publishers and their reviews."""

from django.db import models
from django.db.models.functions import Lower


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


# Indexes: `Loan` lacks some, `Visit` has bad ones, beside good ones of both; see `rows.py`.


class Library(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self):
        return self.name


class Shelf(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self):
        return self.name


class Loan(models.Model):
    library = models.ForeignKey(Library, models.CASCADE, db_index=False)
    shelf = models.ForeignKey(Shelf, models.CASCADE, db_index=False, related_name="loans")
    reader = models.CharField(max_length=50)
    email = models.CharField(max_length=50)
    phone = models.CharField(max_length=50)
    status = models.CharField(
        max_length=10, choices=[(name, name) for name in ("back", "out", "lost")]
    )
    lent_at = models.DateTimeField()
    due_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    note = models.CharField(max_length=300)

    class Meta:
        indexes = [models.Index(fields=["library", "lent_at"], name="loan_library_lent_at")]

    def __str__(self):
        return self.reader


class Visit(models.Model):
    library = models.ForeignKey(Library, models.CASCADE, db_index=False)
    shelf = models.ForeignKey(Shelf, models.CASCADE, related_name="visits")
    reader = models.CharField(max_length=50)
    email = models.CharField(max_length=50)
    phone = models.CharField(max_length=50)
    door = models.CharField(max_length=10)
    status = models.CharField(max_length=10)
    at = models.DateTimeField()
    note = models.CharField(max_length=300)

    class Meta:
        indexes = [
            models.Index(fields=["at", "library"], name="visit_at_library"),
            models.Index(fields=["reader", "at"], name="visit_reader_at"),
            models.Index(fields=["reader"], name="visit_reader"),  # fault prefix
            models.Index(fields=["phone"], name="visit_phone"),
            models.Index(fields=["phone"], name="visit_phone_again"),  # fault twin
            models.Index(fields=["note"], name="visit_note"),  # fault unused_index
            models.Index(fields=["door"], name="visit_door"),  # fault few_values
            models.Index(fields=["status"], name="visit_status"),
            models.Index(Lower("email"), name="visit_email_lower"),
        ]

    def __str__(self):
        return self.reader


class Stamp(models.Model):
    """Its rows change, and PostgreSQL is kept from looking after them."""

    ink = models.CharField(max_length=10)

    def __str__(self):
        return self.ink
