"""With so many rows that an index matters."""

from bookstore.settings import *

PERF = {"DOORS": "shop.doors.MANY"}
