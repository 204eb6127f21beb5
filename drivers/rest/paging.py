"""Keyset pagination: `WHERE (time, id) < (...)`, without offset and count.

A page begins after the last row of the previous page, so new rows neither repeat nor hide others,
and the thousandth page costs as much as the first. The last key is the id, so that any number of
rows may share the first.
"""

import base64
import json
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.core.exceptions import ValidationError as FieldError
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from drivers.rest.fields import moment, parse_whole
from drivers.rest.rows import read_rows

DEFAULT, MOST = 50, 200
# A cursor that was not made here, or for another list.
UNREADABLE = (
    InvalidTag,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    FieldError,
)


class KeysetPagination(BasePagination):
    """Order by one of the view's `orderings` (the first by default) and by id.

    `?ordering=`, `?limit=` (1 to 200) and `?cursor=`, which comes from `next`.
    """

    def paginate_queryset(self, queryset, request, view=None):
        """Return at most `limit` rows, instances or dicts: 1 statement."""
        self.request = request
        limit = _limit(request.query_params.get("limit"))
        ordering = _ordering(request.query_params.get("ordering"), view.orderings)
        names = [ordering] if ordering.lstrip("-") == "id" else [ordering, _like(ordering)]
        names[0] = _column(ordering, view.ordered_by)
        cursor = request.query_params.get("cursor")
        if cursor:
            queryset = queryset.filter(_after(queryset.model, names, cursor))
        queryset = queryset.order_by(*names)[: limit + 1]
        rows = read_rows(queryset) if queryset.query.values_select else list(queryset)
        self.next = _cursor(rows[limit - 1], names) if len(rows) > limit else None
        return rows[:limit]

    def get_paginated_response(self, data):
        return Response({"next": self._url(), "results": data})

    def _url(self):
        if self.next is None:
            return None
        url = remove_query_param(self.request.build_absolute_uri(), "cursor")
        return replace_query_param(url, "cursor", self.next)

    def get_paginated_response_schema(self, schema):
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {"type": ["string", "null"], "format": "uri"},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view):
        orderings = [*view.orderings, *(_turned(name) for name in view.orderings)]
        return [
            {
                "name": "cursor",
                "in": "query",
                "description": "Start of the page; take it from `next`.",
                "schema": {"type": "string"},
            },
            {
                "name": "limit",
                "in": "query",
                "description": "Number of rows per page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT},
            },
            {
                "name": "ordering",
                "in": "query",
                "schema": {
                    "type": "string",
                    "enum": sorted(set(orderings)),
                    "default": view.orderings[0],
                },
            },
        ]


def _turned(name):
    return name[1:] if name.startswith("-") else f"-{name}"


def _like(name):
    return "-id" if name.startswith("-") else "id"


def _column(ordering, ordered_by):
    name = ordering.lstrip("-")
    return ordering.removesuffix(name) + ordered_by.get(name, name)


def _limit(text):
    if text in (None, ""):
        return DEFAULT
    return parse_whole(text, "limit", 1, MOST)


def _ordering(text, orderings):
    if not text:
        return orderings[0]
    known = {*orderings, *(_turned(name) for name in orderings)}
    if text not in known:
        raise ValidationError(
            {"ordering": _("Must be one of: %(names)s.") % {"names": ", ".join(known)}}
        )
    return text


def _value(row, name):
    name = name.lstrip("-")
    return row[name] if isinstance(row, dict) else getattr(row, name)


def _cursor(row, names):
    values = [_value(row, name) for name in names]
    plain = [moment(v) if isinstance(v, datetime) else str(v) for v in values]
    return hide(json.dumps([*names, *plain], separators=(",", ":")))


def hide(text: str) -> str:
    """Return the text of a cursor as it stands in an address, where names would be logged.

    The same text is the same address, so that the tag of a page stays while its rows do.
    """
    hidden = AESSIV(_key()).encrypt(text.encode(), None)
    return base64.urlsafe_b64encode(hidden).decode().rstrip("=")


def _shown(cursor: str) -> str:
    """Return the text of a cursor. Raises InvalidTag or ValueError."""
    raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    return AESSIV(_key()).decrypt(raw, None).decode()


def _key() -> bytes:
    return salted_hmac("drivers.rest.paging", "", algorithm="sha512").digest()


def _after(model, names, cursor):
    """Return the condition of the rows after a cursor."""
    try:
        parts = json.loads(_shown(cursor))
        if parts[: len(names)] != names or len(parts) != 2 * len(names):
            raise ValueError("made for another order")
        values = [
            model._meta.get_field(name.lstrip("-")).to_python(value)
            for name, value in zip(names, parts[len(names) :], strict=True)
        ]
        values = [v.astimezone(UTC) if isinstance(v, datetime) else v for v in values]
        if None in values or "\x00" in "".join(map(str, values)):
            raise ValueError("no values")
        if not 0 <= values[-1] < 2**63:
            raise ValueError("no id")
    except UNREADABLE as e:
        raise ValidationError(
            {"cursor": _("Invalid cursor: use the value of `next` unchanged.")}
        ) from e
    beyond = {name: "lt" if name.startswith("-") else "gt" for name in names}
    if len(names) == 1:
        return Q(**{f"id__{beyond[names[0]]}": values[0]})
    first, key = names[0].lstrip("-"), beyond[names[0]]
    return Q(**{f"{first}__{key}e": values[0]}) & (
        Q(**{f"{first}__{key}": values[0]}) | Q(**{f"id__{key}": values[1]})
    )
