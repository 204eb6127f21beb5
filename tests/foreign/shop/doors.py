"""What is held to budgets, at two sizes."""

from perf.doors.door import Doors
from perf.doors.listed import call_door
from shop.rows import fill

DOORS = Doors(make=lambda size: fill({"small": 6, "large": 18}[size]), sizes=("small", "large"))
MANY = Doors(
    make=lambda size: fill(3_000), find=lambda: [call_door("shop.orders.reports.numbered")]
)
