"""Swiss French formats of dates and times."""
