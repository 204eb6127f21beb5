import pytest

from perf.sampling import background, sample
from perf.sampling.arms import InlineBuffer


@pytest.fixture
def sampling(settings, monkeypatch):
    """Set options of PERF, and yield a buffer without a thread that takes all samples."""

    def with_options(**options):
        settings.PERF = {**settings.PERF, "RELEASE": "v1", **options}
        buffer = InlineBuffer()
        monkeypatch.setattr(sample, "buffer", buffer)
        monkeypatch.setattr(background, "buffer", buffer)
        return buffer

    return with_options
