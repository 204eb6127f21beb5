"""The fix of a repeated statement, in Django's words, at the right place."""

import re

from django.apps import apps
from django.utils.translation import gettext as _

TABLE = re.compile(r'^(?:SELECT .*? FROM|UPDATE|INSERT INTO|DELETE FROM) "(\w+)"')
SET_AND_KEY = re.compile(r'^UPDATE "(\w+)" SET .* WHERE "\1"\."id" (?:= \?|IN \(\?\))$')
DELETE_KEY = re.compile(r'^DELETE FROM "(\w+)" WHERE "\1"\."id" (?:= \?|IN \(\?\))')


def fix_for(is_duplicate, fingerprint, site, group):
    """Return one sentence: what to write, and where."""
    where = str(site)
    model = _model(fingerprint)
    name = model.__name__ if model else _("the table")
    if site.relation:
        return _related(site)
    if site.deferred:
        model_name, _dot, field = site.deferred.partition(".")
        return _(
            "%(model)s.%(field)s was left out by only() or defer() and is read at %(where)s: "
            "name “%(field)s” in that queryset."
        ) % {"model": model_name, "field": field, "where": where}
    if fingerprint.startswith("INSERT"):
        return _(
            "Collect the rows and write %(model)s.objects.bulk_create(rows) after %(where)s."
        ) % {
            "model": name,
            "where": where,
        }
    if SET_AND_KEY.match(fingerprint):
        return _update(name, where, group)
    if DELETE_KEY.match(fingerprint):
        return _(
            "Delete them at once: %(model)s.objects.filter(id__in=ids).delete() at %(where)s."
        ) % {
            "model": name,
            "where": where,
        }
    if re.match(r"SELECT \? AS ", fingerprint):
        return _(
            "exists() in a loop at %(where)s: annotate the outer queryset with "
            "Exists(%(model)s.objects.filter(…=OuterRef(…))), or read the keys once into a set."
        ) % {"model": name, "where": where}
    if re.match(r"SELECT (?:COUNT|SUM|AVG|MIN|MAX)\(", fingerprint):
        return _(
            "count() or aggregate() in a loop at %(where)s: annotate(Count(…)) the outer "
            "queryset, or one %(model)s.objects.values(…).annotate(…) before the loop."
        ) % {"model": name, "where": where}
    if is_duplicate:
        return _(
            "Asked %(count)d times with the same values at %(where)s: keep the result of the "
            "first in a variable."
        ) % {"count": len(group), "where": where}
    return _select(fingerprint, model, name, where, site)


def _related(site):
    """Return the fix of a foreign key that loaded itself."""
    model, _dot, field = site.relation.partition(".")
    values = {"model": model, "field": field, "where": str(site), "owner": site.owner}
    if "list_display" in site.part:
        return _("Add “%(field)s” to list_select_related of %(owner)s.") % values
    if "to_representation" in site.part:
        return (
            _(
                "Add select_related(“%(field)s”) to the queryset that %(owner)s is given "
                "by its view."
            )
            % values
        )
    if site.owner:
        return _("Add select_related(“%(field)s”) to the queryset of %(owner)s.") % values
    return (
        _("Add select_related(“%(field)s”) to the %(model)s queryset that is read at %(where)s.")
        % values
    )


def _update(name, where, group):
    """Return the fix for updates by key: the same values for all, or different ones."""
    values = {"model": name, "where": where}
    told = [tuple(map(repr, s.params)) for s in group if s.params]
    keyless = {params[:-1] for params in told}
    if len(keyless) == 1:
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


def _select(fingerprint, model, name, where, site):
    values = {"model": name, "where": where, "owner": site.owner}
    column = re.search(r'WHERE (?:.* AND )?"(\w+)"\."(\w+)" = \?(?: |$)', fingerprint)
    if model and column:
        if column[2] == model._meta.pk.column:
            return (
                _(
                    "Read by key in a loop at %(where)s: %(model)s.objects.in_bulk(ids) before it, "
                    "or select_related() in the outer queryset."
                )
                % values
            )
        for field in model._meta.concrete_fields:
            if field.is_relation and field.column == column[2]:
                accessor = field.remote_field.get_accessor_name()
                values |= {"accessor": accessor, "outer": field.related_model.__name__}
                if site.owner:
                    return (
                        _(
                            "Add prefetch_related(“%(accessor)s”) to the %(outer)s queryset "
                            "of %(owner)s."
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
    return _("Read in a loop at %(where)s: ask %(model)s once before the loop.") % values


def _model(fingerprint):
    match = TABLE.match(fingerprint)
    if not match:
        return None
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == match[1]:
            return model
    return None
