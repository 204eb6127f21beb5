"""One view per fault; `# fault NAME` ends the line that must be named."""

import time

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse

from tests.perf.planted.middleware import counted
from tests.perf.planted.models import Author, Book, Publisher, Review


def answer(found=""):
    return HttpResponse(str(found))


# Templates ---------------------------------------------------------------------------------


def str_in_template(request):
    authors = Author.objects.order_by("id")
    return render(request, "planted/authors.html", {"authors": authors})


def str_in_template_clean(request):
    authors = Author.objects.select_related("publisher").order_by("id")
    return render(request, "planted/authors.html", {"authors": authors})


def property_in_template(request):
    books = Book.objects.order_by("id")
    return render(request, "planted/bylines.html", {"books": books})


def fk_in_template(request):
    books = Book.objects.order_by("id")  # made fk_in_template
    return TemplateResponse(request, "planted/books.html", {"books": books})


def fk_in_template_clean(request):
    books = Book.objects.select_related("author").order_by("id")
    return TemplateResponse(request, "planted/books.html", {"books": books})


@counted
def wrapped(request):
    return TemplateResponse(request, "planted/books.html", {"books": Book.objects.order_by("id")})


# Loops -------------------------------------------------------------------------------------


def prefetch_filter(request):
    return answer([book.praise for book in Book.objects.prefetch_related("reviews")])


def prefetch_filter_clean(request):
    return answer([book.praise_in_python for book in Book.objects.prefetch_related("reviews")])


def count_loop(request):
    return answer([book.reviews.count() for book in Book.objects.all()])  # fault count_loop


def count_loop_clean(request):
    return answer([book.number for book in Book.objects.annotate(number=Count("reviews"))])


def exists_loop(request):
    found = []
    for book in Book.objects.all():
        found.append(Review.objects.filter(book=book, stars=5).exists())  # fault exists_loop
    return answer(found)


def exists_loop_clean(request):
    praised = Exists(Review.objects.filter(book=OuterRef("pk"), stars=5))
    return answer([book.praised for book in Book.objects.annotate(praised=praised)])


def save_loop(request):
    for number, book in enumerate(Book.objects.order_by("id")):
        book.price = number
        if number % 3:
            book.editor = None
        book.save()  # fault save_loop
    return answer()


def save_loop_clean(request):
    books = list(Book.objects.order_by("id"))
    for number, book in enumerate(books):
        book.price = number
    Book.objects.bulk_update(books, ["price"])
    return answer()


def read_and_write_loop(request):
    for pk in Book.objects.values_list("pk", flat=True):
        book = Book.objects.get(pk=pk)  # fault read_and_write_loop
        book.price = pk
        book.save(update_fields=["price"])
    return answer()


def get_or_create_loop(request):
    for number in range(12):
        Publisher.objects.get_or_create(name=f"Press {number % 8}")  # fault get_or_create_loop
    return answer()


def get_or_create_clean(request):
    names = {f"Press {number}" for number in range(8)}
    known = set(Publisher.objects.filter(name__in=names).values_list("name", flat=True))
    Publisher.objects.bulk_create([Publisher(name=name) for name in sorted(names - known)])
    return answer()


def raw_loop(request):
    found = []
    with connection.cursor() as cursor:
        for pk in list(Book.objects.values_list("pk", flat=True)):
            cursor.execute(f"SELECT title FROM planted_book WHERE id = {pk}")  # fault raw_loop
            found.append(cursor.fetchone())
    return answer(found)


def savepoint_loop(request):
    with transaction.atomic():
        for number in range(10):
            with transaction.atomic():  # fault savepoint_loop
                Publisher.objects.filter(pk=number).update(name="x")  # fault update_loop
    return answer()


def two_lines(request):
    found = []
    for book in Book.objects.exclude(editor=None).order_by("id")[:2]:
        found.append(book.author.name)  # fault two_lines
        found.append(book.editor.name)
    return answer(found)


def two_lines_clean(request):
    books = Book.objects.exclude(editor=None).select_related("author", "editor").order_by("id")
    return answer([(book.author.name, book.editor.name) for book in books[:2]])


def cheapest():
    return Book.objects.filter(price=0).first()  # fault three_places


def dearest():
    return Book.objects.filter(price=0).first()


def three_places(request):
    return answer([cheapest(), dearest(), Book.objects.filter(price=0).first()])


def same_place(request):
    return answer([cheapest() for _number in range(3)])


def once_and_again_after_a_lock(request):
    """Not a fault: compared again under a lock."""
    with transaction.atomic():
        before = cheapest()
        list(Book.objects.select_for_update().filter(pk=before.pk))
        return answer([before, cheapest()])


def probe(request):
    """Not a fault: whether there are more than so many."""
    return answer(Book.objects.order_by("id")[1500:1501].exists())


def once_and_again_after_a_write(request):
    """Not a fault: what was written is read again."""
    before = cheapest()
    Book.objects.filter(pk=before.pk).update(price=0)
    return answer([before, cheapest()])


# Read and not used ---------------------------------------------------------------------------


def offset(request):
    return answer(list(Book.objects.order_by("id")[1500:1510]))  # fault offset


def offset_clean(request):
    return answer(list(Book.objects.filter(id__gt=10).order_by("id")[:10]))


def everything(request):
    total = 0
    for book in Book.objects.only("price"):  # fault everything
        total += book.price
    return answer(total)


def everything_clean(request):
    return answer(sum(book.price for book in Book.objects.only("price").iterator(chunk_size=500)))


def length(request):
    return answer(len(Book.objects.filter(price__gte=0)))  # fault length


def length_clean(request):
    return answer(Book.objects.filter(price__gte=0).count())


def truth(request):
    if Book.objects.filter(price__gte=0):  # fault truth
        return answer("some")
    return answer("none")


def truth_clean(request):
    return answer(Book.objects.filter(price__gte=0).exists())


def length_and_rows(request):
    """Not a fault: the rows that are counted are shown as well."""
    books = Book.objects.filter(price__gte=0).only("title")[:300]
    return answer((len(books), [book.title for book in books]))


def columns(request):
    return answer([book.title for book in Book.objects.order_by("id")[:300]])  # fault columns


def columns_clean(request):
    books = Book.objects.defer("scan", "blurb").order_by("id")[:300]
    return answer([book.title for book in books])


def columns_read(request):
    """Not a fault: the big columns are looked at."""
    books = Book.objects.order_by("id")[:300]
    return answer([len(book.blurb) + len(book.scan) for book in books])


def unused_select_related(request):
    books = Book.objects.select_related("author", "editor")[:20]
    return answer([book.author.name for book in books])  # fault unused_select_related


def unused_prefetch(request):
    books = Book.objects.prefetch_related("reviews", "author")[:20]
    return answer([book.author.name for book in books])  # fault unused_prefetch


def used_eagerly(request):
    books = Book.objects.select_related("author__publisher").prefetch_related("reviews")[:20]
    return answer([(book.author.publisher.name, len(book.reviews.all())) for book in books])


# Waiting -----------------------------------------------------------------------------------


def slow_call():
    time.sleep(0.3)


def held_transaction(request):
    with transaction.atomic():
        Publisher.objects.update(name="held")  # fault held_transaction
        slow_call()
        Publisher.objects.count()
    return answer()


def held_transaction_clean(request):
    slow_call()
    with transaction.atomic():
        Publisher.objects.update(name="held")
        Publisher.objects.count()
    return answer()


def lock_wait(request):
    with transaction.atomic():
        first = Publisher.objects.order_by("id").select_for_update().first()  # fault lock_wait
        first.save()
    return answer()
