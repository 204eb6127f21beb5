"""Pages of lists of any length: rows are counted up to a bound, for nobody turns more pages."""

from django.core.paginator import Paginator
from django.utils.functional import cached_property

COUNTED_AT_MOST = 10_000


class AtLeast(int):
    """A number that says that there are more."""

    def __str__(self):
        return f"{int(self)}+"


class BoundedPaginator(Paginator):
    """Count no more than `COUNTED_AT_MOST` rows; what lies behind is found by search and filter."""

    @cached_property
    def count(self):
        rows = self.object_list.order_by()[: COUNTED_AT_MOST + 1].count()
        return AtLeast(COUNTED_AT_MOST) if rows > COUNTED_AT_MOST else rows
