"""The web server: `gunicorn -c deploy/gunicorn.conf.py dispatchsite.wsgi`.

Threads, because a slow page must not hold up the small requests; few processes, because each takes
150 to 180 MB. A search within a request may take a minute: nothing here may end it before.
"""

import os

from dispatchsite.logs import WithoutQuery

bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_PROCESSES", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 90  # of a process that answers nothing at all any more
graceful_timeout = 75  # when it is told to end: requests that are under way
keepalive = 30  # of the proxy's connections
max_requests = 20_000  # a process is replaced after so many, whatever it may have gathered
max_requests_jitter = 2_000
accesslog = None  # each request is told by the application (LOG_FORMAT=json), by its route
# Whoever wants one all the same (--access-logfile) gets paths: the query of an address, and the
# page that one came from, may name whom somebody looked for.
access_log_format = '%(h)s %(t)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'
control_socket_disable = True


def on_starting(server):
    """Leave queries out of what is said of a request that failed; processes inherit it."""
    server.log.error_log.addFilter(WithoutQuery())
