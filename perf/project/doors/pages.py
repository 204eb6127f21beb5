"""The lists and rows of the admin and of the API: they join by being registered there."""

from datetime import datetime

from django.contrib import admin
from django.urls import get_resolver, reverse

from drivers.models import Role
from drivers.rest.views import CompanyViewSet
from perf.doors.routes import routes
from perf.our_code import our_labels
from perf.project.doors.addresses import ME, MY_DAY
from perf.project.doors.visitor import Way


def admin_doors():
    """Return the pages of every registered model of ours: list, search, one row, deleting."""
    found = []
    for model, page in admin.site._registry.items():
        if model._meta.app_label not in our_labels():
            continue
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        name = f"admin: {model._meta.verbose_name_plural}"
        found.append(Way(name, _listing(base)))
        if page.search_fields:
            found.append(Way(f"{name}, searched", _listing(base, q="a1")))
        for column in page.list_filter:
            field = model._meta.get_field(column) if isinstance(column, str) else None
            if field is not None and field.choices:
                chosen = {f"{column}__exact": list(field.choices)[-1][0]}
                found.append(Way(f"{name} by {column}", _listing(base, **chosen)))
        found.append(Way(f"{name}, one", **_row(model, base)))
        found.append(
            Way(f"{name}, delete one, asked", **_row(model, base, "delete", may_refuse=True))
        )
    return found


def _listing(base, **query):
    return lambda visit: visit.get(reverse(f"{base}_changelist"), **query)


def _row(model, base, page="change", **options):
    """Return how a page of one row is entered, and how a row is found that the visitor may see."""

    def enter(visit, row):
        if row is not None:
            visit.get(reverse(f"{base}_{page}", args=[row]), **options)

    path = getattr(admin.site._registry[model], "company_path", "company")
    return {"enter": enter, "find": _newest(model, path, "id")}


def _newest(model, company_path, column):
    """Return how the newest value of a column is found in the visited company, or None."""

    def find(visit):
        rows = model.objects.filter(**{company_path: visit.company.pk, f"{column}__isnull": False})
        return rows.order_by("-id").values_list(column, flat=True).first()

    return find


def api_doors():
    """Return the lists of the API in every order, by every filter, searched; and one of each.

    Of a list the first two pages are read. A filter is given the value of the newest row, or one
    that no row has if that is empty, which no filter may be.
    """
    found = []
    for view, pattern in _company_views():
        base, _dash, kind = pattern.name.rpartition("-")
        name = f"API: {base} {kind}"
        if kind == "list":
            found += _lists(view, name, pattern.name)
        elif kind == "detail" and hasattr(view, "retrieve"):
            found.append(
                Way(
                    name,
                    lambda visit, pk, url=pattern.name: pk and visit.ask(reverse(url, args=[pk])),
                    find=_newest(view.queryset.model, view.company_path, "pk"),
                )
            )
    return found


def portal_doors():
    """Return the lists that the system of a customer may read, in every order and searched."""
    return [
        way
        for view, pattern in _company_views()
        if pattern.name.endswith("-list") and Role.CLIENT_API in view.roles.get("read", ())
        for way in _orders(view, f"portal: {pattern.name}", pattern.name, Role.CLIENT_API)
    ]


def _company_views():
    for _route, pattern in routes(get_resolver()):
        view = getattr(pattern.callback, "cls", None)
        if view is not None and issubclass(view, CompanyViewSet):
            yield view, pattern


def _lists(view, name, url):
    yield from _orders(view, name, url)
    read = _reading(url)

    filterset = getattr(view, "filterset_class", None)
    for key, field in (filterset.base_filters if filterset else {}).items():
        yield Way(
            f"{name} by {key}",
            lambda visit, value, key=key: (
                None if value is None else read(visit, **{key: _text(value, key)})
            ),
            find=_newest(view.queryset.model, view.company_path, field.field_name),
        )


def _orders(view, name, url, role=Role.OWNER):
    """Yield a list in each of its orders, and searched."""
    read = _reading(url, role)
    if view.pagination_class is None:
        yield Way(name, read)
    for ordering in view.orderings if view.pagination_class else ():
        yield Way(f"{name}, {ordering}", lambda visit, o=ordering: read(visit, ordering=o))
    if getattr(view, "search_fields", None):
        yield Way(f"{name}, searched", lambda visit: read(visit, search="a1"))


def _reading(url, role=Role.OWNER):
    """Return what reads the first two pages of a list."""

    def read(visit, **query):
        page = visit.ask(reverse(url), role, **query)
        if page.get("next"):
            visit.ask(page["next"], role)

    return read


def _text(value, key):
    if key == "day" and isinstance(value, datetime):
        return value.date().isoformat()
    if value == "":
        return "unknown"
    return str(value).lower() if isinstance(value, bool) else value


def driver_doors():
    """Return the pages of the driver's own day."""
    return [
        Way("API: me", lambda visit: visit.ask(reverse(ME), Role.DRIVER)),
        Way(
            "API: me, day",
            lambda visit: visit.ask(reverse(MY_DAY), Role.DRIVER, day=visit.day.isoformat()),
        ),
    ]
