"""An app of faults: each view, column and field here asks its database in a way that costs.

`faults.py` says of each what must be found, and at which line; `views.py` and its neighbours mark
those lines with `# fault NAME`. Beside most of them stands a clean twin.
"""
