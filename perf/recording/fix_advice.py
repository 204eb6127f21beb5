"""The cure of a loop, in Django's words: the call to write, and where."""

import re

from django.apps import apps
from django.utils.translation import gettext as _

TABLE = re.compile(r'^(?:SELECT .*? FROM|UPDATE|INSERT(?: OR IGNORE)? INTO|DELETE FROM) "?(\w+)"?')
OF_ONE_ROW = re.compile(r' WHERE "\w+"\."\w+" = \?$')  # all that lead to it, in no order
SET_AND_KEY = re.compile(r'^UPDATE "(\w+)" SET .* WHERE "\1"\."(?:\w+)" (?:= \?|IN \(\?\))$')
DELETE_KEY = re.compile(r'^DELETE FROM "(\w+)" WHERE "\1"\."(?:\w+)" (?:= \?|IN \(\?\))')
COLUMN = re.compile(r'WHERE (?:.* AND )?\(?"(\w+)"\."(\w+)" = \?(?: |\)|$)')


def table_of(fingerprint):
    match = TABLE.match(fingerprint)
    return match[1] if match else ""


def model_of(fingerprint):
    """Return the model whose table a statement reads or writes first, or None."""
    table = table_of(fingerprint)
    for model in apps.get_models(include_auto_created=True) if table else ():
        if model._meta.db_table == table:
            return model
    return None


def _is_whole(fingerprint):
    """Say whether a SELECT reads all columns of one table alone, as prefetching does."""
    model, columns = model_of(fingerprint), fingerprint.partition(" FROM ")[0].split(", ")
    fields = model._meta.concrete_fields if model else ()
    return len(columns) == len(fields) and " JOIN " not in fingerprint


def _name_of(model):
    """Return how the model is written: a relation's own as that relation's."""
    owner = model._meta.auto_created
    if not owner:
        return model.__name__
    field = next(f for f in owner._meta.local_many_to_many if f.remote_field.through is model)
    return f"{owner.__name__}.{field.name}.through"


def origin_of(statement):
    """Return (statement whose rows are looped over, path from them to this one's relation).

    (None, ...) where nobody watched rows. A relation of a relation that loaded itself leads back to
    the first queryset: “author__publisher”.
    """
    name = (statement.site.relation or statement.site.deferred).partition(".")[2]
    path = [statement.path + name]
    parent = statement.parent
    while parent is not None and parent.site.relation:
        path.insert(0, parent.path + parent.site.relation.partition(".")[2])
        parent = parent.parent
    return parent, "__".join(path)


def cure_of(group):
    """Return one or two sentences for a loop's statements: what to write, and where."""
    first = group[0]
    text, site, where = first.fingerprint, first.site, str(first.site)
    model = model_of(text)
    values = {"where": where, "model": _name_of(model) if model else _("the table")}
    if site.verb.endswith("update_or_create"):
        return (
            _(
                "update_or_create() in a loop at %(where)s: %(model)s.objects.bulk_create(rows, "
                "update_conflicts=True, unique_fields=[…], update_fields=[…]) once."
            )
            % values
        )
    if site.verb.endswith("get_or_create"):
        return (
            _(
                "get_or_create() in a loop at %(where)s: read what exists with one "
                "%(model)s.objects.filter(…__in=…), then %(model)s.objects.bulk_create(missing)."
            )
            % values
        )
    if site.relation:
        return _related(group)
    if site.deferred:
        name, _dot, field = site.deferred.partition(".")
        return _(
            "%(model)s.%(field)s was left out by only() or defer() and is read at %(where)s: "
            "name “%(field)s” in that queryset."
        ) % {"model": name, "field": field, "where": where}
    if site.verb.startswith(("CursorWrapper.", "CursorDebugWrapper.")):
        return _raw(group, where)
    if text.startswith("INSERT") and model and model._meta.auto_created:
        return (
            _(
                "add() in a loop at %(where)s: collect the rows and add(*rows) once, or "
                "%(model)s.objects.bulk_create(links) for several."
            )
            % values
        )
    if text.startswith("INSERT"):
        return (
            _("Collect the rows and write %(model)s.objects.bulk_create(rows) after %(where)s.")
            % values
        )
    if SET_AND_KEY.match(text):
        return _update(values, group)
    if DELETE_KEY.match(text):
        return (
            _("Delete them at once: %(model)s.objects.filter(id__in=ids).delete() at %(where)s.")
            % values
        )
    return _select(group, model, values)


def _raw(group, where):
    values = {"where": where}
    if group[0].is_write:
        cure = _("execute() in a loop at %(where)s: executemany(), or one statement for all rows.")
    else:
        cure = _(
            "execute() in a loop at %(where)s: ask once for all of them, with IN or = ANY(%%s)."
        )
    if not any(statement.params for statement in group):
        cure += " " + _("Pass the values as parameters, not inside of the text.")
    return cure % values


def _queryset_of(origin):
    """Return where the queryset of a statement is to be changed: its class, or its line."""
    site = origin.site
    return site.owner if site.owner and not site.file else origin.made_at or str(site)


def _related(group):
    """Return the cure of foreign keys that loaded themselves."""
    origin, _path = origin_of(group[0])
    paths = dict.fromkeys(origin_of(statement)[1] for statement in group)
    names = [name for name in paths if not any(more.startswith(f"{name}__") for more in paths)]
    site = group[0].site
    model, _dot, _field = site.relation.partition(".")
    values = {
        "model": model,
        "paths": ", ".join(f"“{name}”" for name in names),
        "where": str(site),
        "owner": site.owner,
    }
    if origin is not None:
        name = origin.use.model.__name__ if origin.use else model
        values |= {"where": _queryset_of(origin), "model": name, "owner": origin.site.owner}
        if origin.site.role == "admin":
            return _("Add %(paths)s to list_select_related of %(owner)s.") % values
        return _("Add select_related(%(paths)s) to the %(model)s queryset of %(where)s.") % values
    if site.role == "admin":
        return _("Add %(paths)s to list_select_related of %(owner)s.") % values
    if site.role == "serializer":
        return (
            _("Add select_related(%(paths)s) to the queryset that %(owner)s is given by its view.")
            % values
        )
    if site.owner:
        return _("Add select_related(%(paths)s) to the queryset of %(owner)s.") % values
    return (
        _("Add select_related(%(paths)s) to the %(model)s queryset that is read at %(where)s.")
        % values
    )


def _update(values, group):
    """Return the cure of updates by key: the same values for all, or different ones."""
    texts = {statement.fingerprint for statement in group}
    told = [tuple(map(repr, s.params)) for s in group if s.params]
    if len(texts) == 1 and len({params[:-1] for params in told}) == 1:
        return (
            _(
                "The same values for every row: "
                "%(model)s.objects.filter(id__in=ids).update(…) at %(where)s."
            )
            % values
        )
    return (
        _(
            "save() in a loop: set the values, then %(model)s.objects.bulk_update(rows, fields) "
            "after %(where)s; for thousands of rows one UPDATE … FROM."
        )
        % values
    )


def _select(group, model, values):
    first = group[0]
    text, site = first.fingerprint, first.site
    origin, prefix = origin_of(first)
    field = _field_of(text, model)
    outer = field.related_model.__name__ if field is not None else "…"
    accessor = (field.remote_field.get_accessor_name() if field is not None else None) or ""
    values |= {
        "owner": site.owner or values["where"],
        "outer": outer,
        "field": field.name if field is not None else "…",
        "accessor": accessor,
        "lookup": prefix + accessor,
        "query": _queryset_of(origin) if origin is not None else values["where"],
    }
    if re.match(r"SELECT \? AS ", text):
        return (
            _(
                "exists() in a loop at %(where)s: annotate the %(outer)s queryset of %(query)s "
                "with Exists(%(model)s.objects.filter(%(field)s=OuterRef(“pk”), …)), or read the "
                "keys once into a set."
            )
            % values
        )
    if re.match(r"SELECT (?:COUNT|SUM|AVG|MIN|MAX)\(", text):
        values["counted"] = f"“{accessor}”" if accessor else "…"
        return (
            _(
                "count() or aggregate() in a loop at %(where)s: annotate(Count(%(counted)s)) the "
                "%(outer)s queryset of %(query)s, or one "
                "%(model)s.objects.values(…).annotate(…) before the loop."
            )
            % values
        )
    if field is not None and accessor:
        if accessor in first.has_prefetched:
            return (
                _(
                    "“%(accessor)s” was prefetched, and filter() at %(where)s asks again: filter "
                    "%(accessor)s.all() in Python, or Prefetch(“%(accessor)s”, "
                    "queryset=%(model)s.objects.filter(…), to_attr=…) in the queryset of %(query)s."
                )
                % values
            )
        if origin is not None or site.owner:
            if origin is None:
                values["query"] = site.owner
            if OF_ONE_ROW.search(text) and _is_whole(text):
                return (
                    _("Add prefetch_related(“%(lookup)s”) to the %(outer)s queryset of %(query)s.")
                    % values
                )
            return (
                _(
                    "Add prefetch_related(“%(lookup)s”) to the %(outer)s queryset of %(query)s, "
                    "and filter in Python or with Prefetch(queryset=…)."
                )
                % values
            )
        return (
            _(
                "Add prefetch_related(“%(accessor)s”) to the %(outer)s queryset of the "
                "loop at %(where)s, and filter in Python or with Prefetch(queryset=…)."
            )
            % values
        )
    column = COLUMN.search(text)
    if model and column and column[2] == model._meta.pk.column:
        return (
            _(
                "Read by key in a loop at %(where)s: %(model)s.objects.in_bulk(ids) before it, "
                "or select_related() in the outer queryset."
            )
            % values
        )
    return _("Read in a loop at %(where)s: ask %(model)s once before the loop.") % values


def _field_of(text, model):
    """Return the foreign key of a model that a statement compares with one value, or None."""
    if model is None:
        return None
    columns = re.findall(r'"\."(\w+)" = \?', text)
    for field in model._meta.concrete_fields:
        if field.is_relation and field.column in columns:
            return field
    return None
