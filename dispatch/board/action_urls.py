"""What dispatchers do from the board; under /admin/board/<company>/."""

from django.urls import path

from dispatch.board import run_views, trip_views

TRIPS = [
    ("", trip_views.detail, "booking"),
    ("candidates/", trip_views.candidates, "candidates"),
    ("look/", trip_views.look, "look"),
    ("assign/", trip_views.assign, "assign"),
    ("swap/", trip_views.exchange, "swap"),
    ("change/", trip_views.change, "change"),
]
RUNS = [
    ("", run_views.show, "run"),
    ("apply/", run_views.apply, "apply"),
    ("discard/", run_views.discard, "discard"),
    ("revert/", run_views.revert, "revert"),
]


def action_urls(guarded):
    """Return the patterns; `guarded` asks for a login."""
    return [
        *(path(f"booking/<int:booking>/{end}", guarded(v), name=name) for end, v, name in TRIPS),
        path("driver/<int:driver>/sick/", guarded(trip_views.sick), name="sick"),
        path("<day:day>/runs/", guarded(run_views.toolbar), name="runs"),
        path("<day:day>/plan/", guarded(run_views.plan), name="plan"),
        *(path(f"run/<int:run>/{end}", guarded(v), name=name) for end, v, name in RUNS),
    ]
