"""The day board: one company-day on one page.

urls -> views -> layout (percentages, texts) -> day (values) -> attention, driver_days, queries
"""
