"""Traffic by the hour of the week: learned from completed trips."""
