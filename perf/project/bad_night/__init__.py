"""A bad night, rehearsed: a whole installation on this machine, and what can happen to it."""
