"""A progress bar for terminals; in a pipe it says nothing."""

import time

WIDTH = 24


class Progress:
    """Steps of unknown weight: the bar counts them, and tells which is under way."""

    def __init__(self, stream, total):
        self.stream = stream
        self.total = total
        self.done = 0
        self.shown = hasattr(stream, "isatty") and stream.isatty()
        self.began = time.monotonic()

    def step(self, label):
        """Say that the next step begins."""
        if self.shown:
            filled = WIDTH * self.done // max(1, self.total)
            bar = "█" * filled + "·" * (WIDTH - filled)
            seconds = time.monotonic() - self.began
            text = f"{bar} {self.done}/{self.total} {seconds:5.0f} s  {label}"
            self.stream.write(f"\r\x1b[2K{text[:100]}", ending="")
            self.stream.flush()
        self.done += 1

    def close(self):
        if self.shown:
            self.stream.write("\r\x1b[2K", ending="")
            self.stream.flush()
