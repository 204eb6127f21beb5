import pytest
from rest_framework.test import APIClient

from tests.api.described import disagreements


@pytest.fixture(autouse=True)
def _held_against_the_description(monkeypatch):
    """Hold every answer that a test of this folder gets against openapi.yaml."""

    def request(self, *, request=APIClient.request, **options):
        response = request(self, **options)
        found = disagreements(
            options["REQUEST_METHOD"],
            options["PATH_INFO"],
            options.get("QUERY_STRING", ""),
            response,
        )
        assert not found, (options["REQUEST_METHOD"], options["PATH_INFO"], found)
        return response

    monkeypatch.setattr(APIClient, "request", request)
