from django.db import models


class Index(models.Index):
    """An index whose name may fill PostgreSQL's 63 characters.

    Django stops at 30 for the sake of Oracle; the names here are those of the owner's guide.
    """

    max_name_length = 63
