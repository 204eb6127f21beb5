"""What sampling costs a request, as arms of `perf.measuring.overhead`."""

from contextlib import contextmanager

from perf.measuring.overhead import Arm
from perf.models import Sampled
from perf.sampling import sample
from perf.sampling.buffer import Buffer
from perf.sampling.middleware import SamplingMiddleware
from perf.sampling.options import read_options
from perf.sampling.totals import Totals

RELEASE = "measure_recorder"  # that of the arms' own rows


class InlineBuffer(Buffer):
    """A buffer without a thread: who fills it writes it, so that nobody else pays."""

    def start(self):
        pass


def sampled_arm(name, respond, ask, share, goal) -> Arm:
    """Return the arm that answers `ask(respond)` beneath the sampling middleware.

    `ask` sends one request to the callable it is given. The samples are added up and written at
    the end of each sum, as the thread does it.
    """
    own = InlineBuffer()
    own._totals = Totals(read_options(), RELEASE)
    beneath = SamplingMiddleware(respond, share=share)

    def run():
        usual, sample.buffer = sample.buffer, own
        try:
            ask(beneath)
        finally:
            sample.buffer = usual

    return Arm(name, run, own.flush, goal)


@contextmanager
def rows_taken_back():
    """Delete what the arms have written, when the block ends."""
    try:
        yield
    finally:
        Sampled.objects.filter(release=RELEASE).delete()
