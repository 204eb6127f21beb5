from django.test import SimpleTestCase

from dispatch.planner.compiled import PACKAGE, SOURCES


class CompiledTests(SimpleTestCase):
    def test_every_file_with_kernels_names_the_cache(self):
        """A file missing here would leave stale machine code behind after a change."""
        with_kernels = {
            path.name
            for path in PACKAGE.glob("*.py")
            if "planner.compiled import" in path.read_text()
        }
        # warm.py and others only use what is compiled; the labels, arrays and desk are part of it.
        self.assertLessEqual(with_kernels, set(SOURCES))
        self.assertLessEqual({"arrays.py", "compiled.py", "desk.py", "labels.py"}, set(SOURCES))
        self.assertTrue(all((PACKAGE / name).exists() for name in SOURCES))
