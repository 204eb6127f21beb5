"""Standing orders: which dates they have, booking these ahead, and changing what is booked.

A standing order (`Series`) says what its dates should be; `make` books them within the company's
horizon, each once, and `change` brings booked dates after a changed order. What somebody has
changed by hand stays as it is.
"""
