"""How dates and times are written: as in Geneva, in either language."""
