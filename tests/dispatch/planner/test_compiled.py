import sys

from django.test import SimpleTestCase

from dispatch.planner.search import compiled
from dispatch.planner.search.compiled import PLANNER, SOURCES


class CompiledTests(SimpleTestCase):
    def test_every_file_with_kernels_names_the_cache(self):
        """A file missing here would leave stale machine code behind after a change."""
        with_kernels = {
            path
            for path in PLANNER.rglob("*.py")
            if "search.compiled import" in path.read_text() and "kernel" in path.read_text()
        }
        self.assertLessEqual(with_kernels - {PLANNER / "warm.py"}, set(SOURCES))
        parts = {"arrays.py", "compiled.py", "workspace.py", "route_labels.py"}
        self.assertLessEqual(parts, {path.name for path in SOURCES})


def test_machine_code_is_there_for_the_python_and_processor_that_made_it(monkeypatch, tmp_path):
    monkeypatch.setattr(compiled, "CACHE", str(tmp_path))
    assert not compiled.is_marked("kernels")
    compiled.mark("kernels")
    assert compiled.is_marked("kernels")
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-999")
    assert not compiled.is_marked("kernels")


def test_without_a_cache_nothing_is_there(monkeypatch):
    monkeypatch.setattr(compiled, "CACHE", "")
    compiled.mark("kernels")
    assert not compiled.is_marked("kernels")
