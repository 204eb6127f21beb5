"""What must hold between the rows, whoever wrote them through whatever door."""
