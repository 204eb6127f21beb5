"""Pagination of long lists: rows are counted only up to a bound."""

from django.core.paginator import Paginator
from django.utils.functional import cached_property

COUNTED_AT_MOST = 10_000


class AtLeast(int):
    """A count shown as “10000+”."""

    def __str__(self):
        return f"{int(self)}+"


class BoundedPaginator(Paginator):
    """Count at most `COUNTED_AT_MOST` rows; later rows are found by search and filter."""

    @cached_property
    def count(self):
        rows = self.object_list.order_by()[: COUNTED_AT_MOST + 1].count()
        return AtLeast(COUNTED_AT_MOST) if rows > COUNTED_AT_MOST else rows
