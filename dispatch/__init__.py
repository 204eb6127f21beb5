"""Dispatch: who drives what, when, and why."""
