"""Drive a planned day again and again with what goes wrong on a day, and see what helps.

`noise` is what goes wrong, `cars` and `drive` let the drivers drive through the product's
use-cases, `office` does what a dispatcher does with what the product advises, `copy` makes the
scratch company in which all this happens, `figures` counts and compares, `report` writes.
"""
