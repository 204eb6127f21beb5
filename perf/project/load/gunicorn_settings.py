"""Settings of the server under test: it ends when the process that started it is gone.

Its standard input is a pipe that only the starter holds open. The end of that pipe ends the
server, however the starter died; workers leave by themselves when their server is gone.
"""

import os
import signal
import threading

worker_class = "sync"
graceful_timeout = 2
control_socket_disable = True


def when_ready(server):
    threading.Thread(target=leave_with_the_starter, daemon=True).start()


def leave_with_the_starter():
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
