"""What sampling costs a request, as arms of `perf.measuring.overhead`."""

from perf.measuring.overhead import Arm
from perf.sampling import sample
from perf.sampling.buffer import Buffer
from perf.sampling.middleware import SamplingMiddleware


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
    beneath = SamplingMiddleware(respond, share=share)

    def run():
        usual, sample.buffer = sample.buffer, own
        try:
            ask(beneath)
        finally:
            sample.buffer = usual

    return Arm(name, run, own.flush, goal)
