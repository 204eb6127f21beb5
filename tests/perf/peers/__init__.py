"""The planted faults, asked about by other tools too: who finds what, at which line, what cure.

`tools.py` sets each tool up as its documentation says and hands its words over; `judging.py` judges
them by rules; `ask.py` runs one tool in a process of its own, because most of them change Django;
`page.py` writes the table. `manage.py compare_with_peers --settings tests.settings` does all of it.
"""
