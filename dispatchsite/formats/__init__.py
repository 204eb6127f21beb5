"""Formats of dates and times as used in Geneva, in English and French."""
