import pytest

from dispatch.day import travel_times
from dispatch.roads import times, ways
from tests.support.road_server import road_server


@pytest.fixture
def roads(settings, tmp_path):
    """A road server that the settings name, and nothing kept of earlier ones."""
    times._failed_at.clear()
    ways._ways.clear()
    travel_times._server.cache_clear()
    with road_server() as server:
        settings.ROADS_URL = server.url
        settings.ROADS_KEPT = tmp_path / "roads"
        yield server
