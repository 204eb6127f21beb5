"""Use-cases of the fleet: create the shifts of weeks, write planned breaks."""
