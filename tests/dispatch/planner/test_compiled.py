from django.test import SimpleTestCase

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
