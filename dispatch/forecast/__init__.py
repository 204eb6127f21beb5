"""Foresee how the trips of the running day will go, from what has happened so far.

    rows.py         the rows of a day
    expected.py     when each trip of a driver will begin and end
    driver_days.py  all drivers' days, with roads and traffic
    states.py       what each trip is at this moment
    silence.py      of whom nothing is known, because they report nothing
    keep.py         the worker: keeps it for all companies, and tells who becomes late
    late.py         which trips are late, of what is kept

What an operator runs for it: docs/operating.md.
"""
