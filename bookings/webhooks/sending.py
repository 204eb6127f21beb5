"""Send one POST to an external server: to a public address, over TLS, without redirects.

The name is resolved once, all its addresses are checked, and the connection uses a checked one.
Responses are read up to `LARGEST_ANSWER`, and no attempt takes longer than `DEADLINE_S`, however
slowly the server sends.
"""

import http.client
import ipaddress
import logging
import queue
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from drivers.refused import Refused

logger = logging.getLogger(__name__)

DEADLINE_S = 15
LARGEST_ANSWER = 4096
LONGEST_ASKED = timedelta(days=1)
RESOLVED_WITHIN_S = 2  # when a URL is entered
# Not public, though Python says so: site-local addresses, and the relays of 6to4.
ABANDONED = ipaddress.ip_network("fec0::/10"), ipaddress.ip_network("192.88.99.0/24")
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(Refused):
    """The URL is not allowed for a webhook."""

    code = "invalid"
    status = 400
    field = "url"


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an attempt: a status code or an error.

    `failure` is the type of an error in whose text anything may stand.
    """

    code: int | None
    ms: int
    error: str = ""
    asks_to_wait: timedelta = timedelta(0)  # Retry-After
    failure: str = ""

    @property
    def is_taken(self):
        return self.code is not None and 200 <= self.code < 300


def checked_url(url: str):
    """Return (parts, host, port) of a URL allowed for a webhook, without resolving it.

    Raises AddressRefused.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        raise AddressRefused(_("This is not a valid URL.")) from None
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise AddressRefused(_("Write the URL in ASCII without spaces."))
    allowed = ("https",) if settings.HTTPS else ("https", "http")
    if parts.scheme not in allowed or not host:
        raise AddressRefused(_("The URL must start with https:// and a host name."))
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressRefused(_("The URL must not contain a user, password or fragment."))
    if port == 0:
        raise AddressRefused(_("Port 0 is not a valid port."))
    literal = _ip(host)
    if literal is not None:
        _check_ip(literal)
    return parts, host, port or (443 if parts.scheme == "https" else 80)


def entered_url(url: str) -> None:
    """Refuse a URL whose name leads to a private network now; asks the resolver.

    It is checked again at each sending. A name that does not exist yet, or whose server does not
    answer within RESOLVED_WITHIN_S, is taken. Raises AddressRefused.
    """
    _parts, host, port = checked_url(url)
    for *_rest, address in _resolved_soon(host, port):
        _check_ip(_ip(address[0].partition("%")[0]))


def _resolved_soon(host, port):
    """Return what the resolver says within RESOLVED_WITHIN_S, else []: it takes no deadline."""
    answers: queue.SimpleQueue[list] = queue.SimpleQueue()

    def ask():
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError:
            answers.put([])

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=RESOLVED_WITHIN_S)
    except queue.Empty:
        return []


def post(url: str, body: bytes, headers: dict, *, within_s: float | None = None) -> Answer:
    """Send the body and return the answer; errors of the server are not raised.

    It takes at most `within_s`, or else DEADLINE_S.
    """
    began = time.perf_counter()
    within_s = within_s or DEADLINE_S
    code, error, failure, sockets, asked = None, "", "", [], timedelta(0)
    late = threading.Timer(within_s, _hang_up, [sockets])
    late.daemon = True
    late.start()
    try:
        parts, host, port = checked_url(url)
        connection = _connection(parts.scheme, host, port, sockets, began + within_s)
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        connection.request("POST", target, body=body, headers=headers)
        response = connection.getresponse()
        response.read(LARGEST_ANSWER)
        code = response.status
        asked = _asked_to_wait(response.getheader("Retry-After", ""))
        connection.close()
    except AddressRefused as refused:
        error = str(refused)
    except (OSError, http.client.HTTPException, ValueError) as caught:
        failure = type(caught).__name__
        error = f"{failure}: {caught}"
    finally:
        late.cancel()
        for each in sockets:
            each.close()
    if code is not None and not 200 <= code < 300:
        error = _("The server answered %(code)d.") % {"code": code}
    ms = round((time.perf_counter() - began) * 1000)
    return Answer(code, ms, error[:200], asked, "" if code else failure)


def _asked_to_wait(text: str) -> timedelta:
    """Return how long a Retry-After asks to wait, at most a day; 0 if it says nothing readable."""
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_ASKED)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    asked = until - datetime.now(until.tzinfo)
    return min(max(asked, timedelta(0)), LONGEST_ASKED)


def _connection(scheme, host, port, sockets, ends):
    """Return a connection to a checked address of the host; its socket is added to `sockets`."""
    resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_rest, address in resolved:  # one private address among them refuses the name
        _check_ip(_ip(address[0].partition("%")[0]))
    if scheme == "https":
        connection = http.client.HTTPSConnection(
            host, port, timeout=DEADLINE_S, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=DEADLINE_S)

    def connect(_address, _timeout, source):
        left = ends - time.perf_counter()
        if left <= 0:
            raise TimeoutError("too late to connect")
        made = socket.create_connection(resolved[0][4][:2], left, source)
        sockets.append(made.dup())  # TLS takes over the first one
        if time.perf_counter() >= ends:  # the timer had nothing to hang up
            made.close()
            raise TimeoutError("too late to send")
        return made

    # http.client connects through this; TLS and the Host header still use the name.
    connection._create_connection = connect
    return connection


def _hang_up(sockets):
    for each in sockets:
        with suppress(OSError):  # already closed
            each.shutdown(socket.SHUT_RDWR)


def _ip(text):
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _check_ip(ip):
    """Raise AddressRefused unless the address is public or in WEBHOOK_NETWORKS.

    The log alone names the address: what a name leads to inside is nobody's outside.
    """
    inner = ip
    if ip.version == 6:
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1]) or ip
        if ip in NAT64:
            inner = ipaddress.ip_address(int(ip) & 0xFFFFFFFF)
    if any(inner in network for network in settings.WEBHOOK_NETWORKS):
        return
    is_abandoned = any(each in network for network in ABANDONED for each in (ip, inner))
    is_public = ip.is_global and inner.is_global and not is_abandoned
    if not is_public or inner.is_multicast or inner.is_reserved:
        logger.warning("A webhook that leads to %s is refused: no public address.", ip)
        raise AddressRefused(_("This URL does not lead to a public address."))
