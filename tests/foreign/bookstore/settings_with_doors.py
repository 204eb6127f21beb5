"""With rows of its own to measure: a scratch database, at two sizes."""

from bookstore.settings import *

PERF = {"DOORS": "shop.doors.DOORS", "BUDGETS": "budgets_with_doors.toml"}
