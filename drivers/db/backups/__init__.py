"""Backups of the database, and databases of another name that they are restored into.

`sqlite` and `postgresql` have the same three functions: `require` what is needed, `take` a backup,
`restored` from one; `kit` chooses. Nothing here writes to the database that is backed up.
"""
