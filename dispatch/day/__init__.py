"""One company-day: read its rows, make the planning problem, describe reasons."""
