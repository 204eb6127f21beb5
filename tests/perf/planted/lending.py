"""One view per fault of an index or a plan; `# fault NAME` ends the line that must be named."""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Lower
from django.http import HttpResponse

from tests.perf.planted.models import Library, Loan, Shelf, Stamp, Visit
from tests.perf.planted.rows import START

DAY = START + timedelta(days=40)


def answer(found=""):
    return HttpResponse(str(found))


# Missing ------------------------------------------------------------------------------------


def filter_and_order(request):
    loans = Loan.objects.filter(reader="Reader 7").order_by("-seen_at")[:10]
    return answer(list(loans))  # fault filter_and_order


def filter_and_order_clean(request):
    return answer(list(Visit.objects.filter(reader="Reader 7").order_by("-at")[:10]))


def order(request):
    return answer(list(Loan.objects.order_by("-due_at")[:10]))  # fault order


def order_clean(request):
    return answer(list(Visit.objects.order_by("-at")[:10]))


def company_and_day(request):
    library = Library.objects.first()
    end = DAY + timedelta(days=1)
    due = Loan.objects.filter(library=library, due_at__gte=DAY, due_at__lt=end)
    return answer(list(due))  # fault company_and_day


def company_and_day_clean(request):
    library = Library.objects.first()
    end = DAY + timedelta(days=1)
    return answer(list(Loan.objects.filter(library=library, lent_at__gte=DAY, lent_at__lt=end)))


def foreign_key(request):
    return answer(list(Shelf.objects.first().loans.all()))  # fault foreign_key


def foreign_key_clean(request):
    return answer(list(Shelf.objects.first().visits.all()))


def wrong_order(request):
    since = Visit.objects.filter(library=Library.objects.last(), at__gte=DAY)
    return answer(list(since))  # fault wrong_order


def wrong_order_clean(request):
    since = Loan.objects.filter(library=Library.objects.last(), lent_at__gte=DAY)
    return answer(list(since))


# Conditions that no index serves ------------------------------------------------------------


def part_of_a_date(request):
    return answer(list(Loan.objects.filter(seen_at__date=DAY.date())))  # fault part_of_a_date


def part_of_a_date_clean(request):
    return answer(list(Visit.objects.filter(at__gte=DAY, at__lt=DAY + timedelta(days=1))))


def function(request):
    loans = Loan.objects.annotate(low=Lower("email")).filter(low="reader77@example.org")
    return answer(list(loans))  # fault function


def function_clean(request):
    visits = Visit.objects.annotate(low=Lower("email")).filter(low="reader77@example.org")
    return answer(list(visits))


def contains(request):
    return answer(list(Loan.objects.filter(email__icontains="READER77@")))  # fault contains


def contains_clean(request):
    """Not a fault: nearly all rows are wanted, and a page of them is read."""
    return answer(list(Loan.objects.filter(email__icontains="example")[:10]))


def negation(request):
    return answer(list(Loan.objects.exclude(status="back")))  # fault negation


def negation_clean(request):
    return answer(list(Visit.objects.filter(status__in=["banned", "expelled"])))


def negation_of_few(request):
    """Not a fault: what is left out is rare, and all else is wanted."""
    return answer(sum(1 for _pk in Loan.objects.exclude(status="lost").values_list("id")[:900]))


def negation_of_a_small_table(request):
    """Not a fault: of so few rows none is searched."""
    return answer(list(Library.objects.exclude(name="L1")))


def either(request):
    wanted = Q(email="Reader77@Example.org") | Q(phone="077")
    return answer(list(Loan.objects.filter(wanted)))  # fault either


def either_clean(request):
    return answer(list(Visit.objects.filter(Q(reader="Reader 7") | Q(phone="077"))))


# What goes to disk, and what PostgreSQL believes ---------------------------------------------


def spill(request):
    notes = Loan.objects.order_by("note", "id").values_list("note", flat=True)
    return answer(sum(map(len, notes.iterator(chunk_size=2_000))))  # fault spill


def spill_clean(request):
    ids = Loan.objects.order_by("id").values_list("id", flat=True)
    return answer((sum(ids.iterator(chunk_size=2_000)), list(Library.objects.order_by("name"))))


def old_statistics(request):
    return answer(list(Stamp.objects.filter(ink="blue")))  # fault old_statistics
