"""A cache in files, shared by the processes of a machine, that nobody waits for."""

from diskcache import DjangoCache


class FileCache(DjangoCache):
    """diskcache, each call of which gives up after DATABASE_TIMEOUT seconds.

    By itself it tries again for ever where its database cannot be written: on a full disk, in a
    folder that is read-only. A counter that could not be changed is None.
    """

    def close(self, **options):
        """Keep the files open after a request: opening them was a tenth of a small one's work."""

    def add(self, key, value, timeout=300, version=None, **options):
        return super().add(key, value, timeout, version, **options | {"retry": False})

    def set(self, key, value, timeout=300, version=None, **options):
        return super().set(key, value, timeout, version, **options | {"retry": False})

    def incr(self, key, delta=1, version=None, default=None, retry=False):
        return super().incr(key, delta, version, default, retry=False)

    def decr(self, key, delta=1, version=None, default=None, retry=False):
        return self.incr(key, -delta, version, default)
