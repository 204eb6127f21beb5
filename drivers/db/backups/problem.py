"""Why a backup cannot be taken or restored."""


class BackupProblem(Exception):
    """What is missing, or what is wrong with a backup: a sentence for whoever runs the server."""
