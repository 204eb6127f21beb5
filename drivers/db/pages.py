"""Read a long list in pages, in its order, with little memory and no cursor kept on the server.

A server-side cursor needs one connection from the first row to the last: behind a pooler of
transactions the next page asks another one, and a slow download would keep a transaction open.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

PAGE = 2_000


def in_pages(rows: QuerySet[Any], *columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of each row, in the order of the list: 1 statement, and 1 for each page.

    The first reads the ids alone, eight bytes a row. What no longer is in the list when its page
    is read is left out.
    """
    ids = list(rows.values_list("id", flat=True))
    unordered = rows.order_by().values_list("id", *columns)
    for first in range(0, len(ids), PAGE):
        page = ids[first : first + PAGE]
        found = {row[0]: row[1:] for row in unordered.filter(id__any_of=page)}
        yield from (found[row_id] for row_id in page if row_id in found)
