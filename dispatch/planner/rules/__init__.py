"""The hard rules: each has one module with its predicate, its code and its sentences.

The planner obeys them, the explanations name them, and so do assignments by hand, the guard of the
fleet and the notices of a run: with the same code and the same sentence. `registry.py` lists them.
The checker (`planner/check`) judges plans without them, on purpose.
"""
