"""PERF in the settings: what is wrong stops the start, and names the setting."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from perf.sampling import options
from perf.sampling.options import read_options, release

pytestmark = pytest.mark.any_database


def test_it_is_off_by_default(settings):
    settings.PERF = {}
    assert not read_options().is_on
    del settings.PERF
    assert not read_options().is_on


def test_work_is_sampled_as_requests_are_unless_it_is_said(settings):
    settings.PERF = {"SAMPLE": 0.25}
    assert read_options().sample_work == 0.25


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAMPLE", 2), ("SAMPLE", "0.1"), ("SAMPLE", True), ("SAMPLE_WORK", -0.1),
        ("SLOW_MS", None), ("FLUSH_S", 0), ("FLUSH_SAMPLES", 1.5), ("KEEP_DAYS", 0),
        ("KEEP_ROWS", 1), ("RELEASE", 7), ("RELEASE", "x" * 51), ("EXPORT", "elsewhere"),
        ("COMMANDS", "work_run"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_name(settings, name, value):
    settings.PERF = {name: value}
    with pytest.raises(ImproperlyConfigured, match=rf'PERF\["{name}"\]'):
        read_options()


def test_an_export_without_its_library_is_refused(settings, monkeypatch):
    settings.PERF = {"EXPORT": "opentelemetry"}
    monkeypatch.setattr(options, "find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match="opentelemetry-api"):
        read_options()


def test_the_release_is_the_commit_unless_it_is_said(settings, monkeypatch):
    monkeypatch.setattr(options, "git", lambda *arguments: "abcdef123456+")
    settings.PERF = {}
    assert release() == "abcdef123456+"
    settings.PERF = {"RELEASE": "1.4.2"}
    assert release() == "1.4.2"
