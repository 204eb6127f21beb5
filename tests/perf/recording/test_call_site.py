"""The place of a statement: the nearest line of ours inside of the request."""

import pytest
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from drivers.models import Company
from perf.our_code import is_beside, is_ours, our_labels, shown_path
from perf.recording import call_site
from perf.recording.record import record_queries
from perf.silk.records import place_in
from tests.perf.planted.models import Author, Book, Publisher
from tests.support import builders as make


class Asking:
    """A middleware that asks the database itself."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        Publisher.objects.count()
        return self.get_response(request)


def retrying(call):
    for _attempt in range(2):
        result = call()
    return result


def view(request):
    return HttpResponse(retrying(Publisher.objects.count))


def ignored(request):
    return HttpResponse(counting())


def counting():
    return Publisher.objects.count()


def rendering(request):
    return render(request, "planted/books.html", {"books": Book.objects.order_by("id")})


urlpatterns = [
    path("view/", view),
    path("ignored/", ignored),
    path("rendering/", rendering),
]


@pytest.fixture
def ours(settings):
    settings.ROOT_URLCONF = __name__
    settings.PERF = {"APPS": ["planted"]}


def sites(client, address):
    with record_queries() as recording:
        assert client.get(address).status_code == 200
    return [statement.site for statement in recording]


@pytest.mark.django_db
def test_what_a_middleware_asks_itself_is_its_own(client, ours, settings):
    settings.MIDDLEWARE = [f"{__name__}.Asking"]
    first, *_more = sites(client, "/view/")
    assert (first.function, first.verb) == ("__call__", "QuerySet.count")


@pytest.mark.django_db
def test_a_function_that_calls_what_it_was_given_is_no_place(client, ours, settings):
    settings.MIDDLEWARE = []
    assert {site.function for site in sites(client, "/view/")} == {"view"}


@pytest.mark.django_db
def test_a_template_is_the_place_and_not_the_view_that_renders_it(client, ours, settings):
    settings.MIDDLEWARE = []
    author = Author.objects.create(name="Ada", publisher=Publisher.objects.create(name="Press"))
    Book.objects.create(title="One", author=author)
    templates = "tests/perf/planted/templates/planted"
    assert list(map(str, sites(client, "/rendering/"))) == [
        f"{templates}/books.html:2",
        f"{templates}/book.html:2",
    ]


@pytest.mark.django_db
def test_a_function_that_is_named_in_the_settings_is_no_place(client, ours, settings):
    settings.MIDDLEWARE = []
    assert {site.function for site in sites(client, "/ignored/")} == {"counting"}
    settings.PERF = {"APPS": ["planted"], "IGNORE": [f"{__name__}.counting"]}
    assert {site.function for site in sites(client, "/ignored/")} == {"ignored"}


@pytest.mark.django_db
def test_what_a_package_asks_is_told_as_the_packages(client, admin_user, ours, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    client.force_login(admin_user)
    place = sites(client, "/view/")[-1]
    assert not place.is_ours
    assert place.file.startswith("django/contrib/sessions/")


@pytest.mark.django_db
def test_an_overridden_save_is_no_place_its_caller_is():
    client = make.client()  # whose class asks whether its place is meant
    with record_queries() as recording:
        client.save()
    assert recording.statements[-1].site.function == (
        "test_an_overridden_save_is_no_place_its_caller_is"
    )


@pytest.mark.django_db
def test_where_a_queryset_was_made_is_known_where_rows_are_watched():
    books = Book.objects.order_by("id")
    with record_queries(watch_rows=True) as recording:
        list(books)
        later = Book.objects.filter(title="x")

        def look():
            return list(later)

        look()
    before, inside = recording
    assert before.made_at == ""  # nobody watched
    assert inside.made_at.endswith("test_where_a_queryset_was_made_is_known_where_rows_are_watched")
    assert inside.site.function == "look"


@pytest.mark.django_db
def test_what_is_watched_is_as_before_afterwards():
    watched = [type(Book.__dict__["author"]), Book.__dict__["scan"], Book.objects.all().__class__]
    before = [dict(vars(one)) if isinstance(one, type) else one for one in watched]
    with pytest.raises(Book.DoesNotExist), record_queries(watch_rows=True):
        Book.objects.get()
    watched = [type(Book.__dict__["author"]), Book.__dict__["scan"], Book.objects.all().__class__]
    assert before == [dict(vars(one)) if isinstance(one, type) else one for one in watched]


@pytest.mark.django_db
def test_a_watched_row_is_written_copied_and_pickled_as_any_other():
    import copy
    import pickle

    author = Author.objects.create(name="Ada", publisher=Publisher.objects.create(name="Press"))
    Book.objects.create(title="one", author=author, scan={"pages": [1]}, blurb="text")
    with record_queries(watch_rows=True):
        queryset = Book.objects.all()
        book = queryset.get()
        list(queryset)
        assert copy.deepcopy(queryset).count() == 1
        again = pickle.loads(pickle.dumps(book))  # noqa: S301  pickled on this very line
        assert (again.scan, again.blurb) == ({"pages": [1]}, "text")
        assert again.author == author
        book.scan = {"pages": [2]}
        book.blurb += "s"
        book.save()
        deferred = Book.objects.only("title").get()
        assert deferred.get_deferred_fields() >= {"scan", "blurb"}
        assert deferred.scan == {"pages": [2]}
    book.refresh_from_db()
    assert (book.scan, book.blurb) == ({"pages": [2]}, "texts")


def test_our_code_is_what_the_settings_say(settings):
    assert our_labels() == {"dispatchsite", "drivers", "bookings", "dispatch"}
    company = Company.__module__.replace(".", "/")
    file = f"{settings.BASE_DIR}/{company}.py"
    assert is_ours(file)
    assert shown_path(file) == f"{company}.py"
    assert not is_ours(__file__)
    assert is_beside(__file__)
    settings.PERF = {}
    assert {"dispatchsite", "drivers", "bookings", "dispatch", "planted"} <= our_labels()
    assert not our_labels() & {"perf", "perf_project", "admin", "rest_framework"}
    settings.PERF = {"APPS": ["planted"]}
    assert not is_ours(file)
    settings.PERF = {"APPS": ["nowhere"]}
    with pytest.raises(LookupError):
        our_labels()


def test_a_stored_traceback_names_no_middleware(settings):
    base = settings.BASE_DIR

    def trace(*frames):
        return "".join(f'  File "{file}", line 3, in f\n    x\n' for file in frames)

    handler = "/x/site-packages/django/core/handlers/exception.py"
    middleware = f"{base}/drivers/companies/current.py"
    package = "/x/site-packages/rest_framework/mixins.py"
    assert place_in(trace(package, f"{base}/bookings/api/views.py", handler, middleware)) == (
        "bookings/api/views.py:3 f"
    )
    assert place_in(trace(package, handler, middleware)) == ""


def one_of(place):
    return (
        list(Publisher.objects.filter(name=place))
        if place == "first"
        else list(Publisher.objects.filter(name=place))
    )


def another(place):
    return list(Publisher.objects.filter(name=place))


def its_twin(place):
    return list(Publisher.objects.filter(name=place))


@pytest.fixture
def ours_too(ours, settings, monkeypatch):
    monkeypatch.setattr(call_site, "is_ours", lambda path: path == __file__)
    settings.PERF = {"APPS": ["planted"], "IGNORE": []}  # what was known of files is forgotten


@pytest.mark.django_db
def test_one_statement_sent_from_several_places_is_told_at_each(ours_too):
    with record_queries() as recording:
        for place in ("first", "first", "second", "second", "first"):
            one_of(place)
        another("first")
        its_twin("first")
        one_of("first")
    found = [(statement.site.function, statement.site.line) for statement in recording]
    first = one_of.__code__.co_firstlineno + 2
    second, other = first + 2, another.__code__.co_firstlineno + 1
    assert len({statement.sql for statement in recording}) == 1
    assert found == [
        *[("one_of", line) for line in (first, first, second, second, first)],
        ("another", other),
        ("its_twin", its_twin.__code__.co_firstlineno + 1),
        ("one_of", first),
    ]


@pytest.mark.django_db
def test_a_place_that_is_known_still_leads_to_its_queryset(ours_too):
    with record_queries() as recording:
        for locked in (False, True, False):
            rows = Publisher.objects.filter(name="a")
            list(rows.select_for_update() if locked else rows)
    text = {statement.sql.removesuffix(" FOR UPDATE") for statement in recording}
    assert len(text) == 1
    assert [statement.for_update for statement in recording] == [False, True, False]
