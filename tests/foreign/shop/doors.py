"""What is held to budgets, at two sizes."""

from perf.doors.door import Doors
from shop.rows import fill

DOORS = Doors(make=lambda size: fill({"small": 6, "large": 18}[size]), sizes=("small", "large"))
