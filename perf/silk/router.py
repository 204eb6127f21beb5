class SilkRouter:
    """Silk's tables live in their own database, and nothing else does."""

    def db_for_read(self, model, **hints):
        return "silk" if model._meta.app_label == "silk" else None

    db_for_write = db_for_read

    def allow_relation(self, one, other, **hints):
        if {one._meta.app_label, other._meta.app_label} == {"silk"}:
            return True
        return None

    def allow_migrate(self, db, app_label, **hints):
        if db == "silk" or app_label == "silk":
            return db == app_label
        return None
