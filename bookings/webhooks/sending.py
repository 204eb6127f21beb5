"""Send one POST to an external server: to a public address, over TLS, without redirects.

The name is resolved once, all its addresses are checked, and the connection uses a checked one.
Responses are read up to `LARGEST_ANSWER`, and no attempt takes longer than `DEADLINE_S`, however
slowly the server sends.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from drivers.refused import Refused

DEADLINE_S = 15
LARGEST_ANSWER = 4096
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(Refused):
    """The URL is not allowed for a webhook."""

    code = "invalid"
    status = 400
    field = "url"


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an attempt: a status code or an error."""

    code: int | None
    ms: int
    error: str = ""

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


def post(url: str, body: bytes, headers: dict) -> Answer:
    """Send the body and return the answer; errors of the server are not raised."""
    began = time.perf_counter()
    code, error, sockets = None, "", []
    late = threading.Timer(DEADLINE_S, _hang_up, [sockets])
    late.daemon = True
    late.start()
    try:
        parts, host, port = checked_url(url)
        connection = _connection(parts.scheme, host, port, sockets, began + DEADLINE_S)
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        connection.request("POST", target, body=body, headers=headers)
        response = connection.getresponse()
        response.read(LARGEST_ANSWER)
        code = response.status
        connection.close()
    except AddressRefused as refused:
        error = str(refused)
    except (OSError, http.client.HTTPException, ValueError) as caught:
        error = f"{type(caught).__name__}: {caught}"
    finally:
        late.cancel()
        for each in sockets:
            each.close()
    if code is not None and not 200 <= code < 300:
        error = _("The server answered %(code)d.") % {"code": code}
    return Answer(code, round((time.perf_counter() - began) * 1000), error[:200])


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
    """Raise AddressRefused unless the address is public or in WEBHOOK_NETWORKS."""
    inner = ip
    if ip.version == 6:
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1]) or ip
        if ip in NAT64:
            inner = ipaddress.ip_address(int(ip) & 0xFFFFFFFF)
    if any(inner in network for network in settings.WEBHOOK_NETWORKS):
        return
    if not (ip.is_global and inner.is_global) or inner.is_multicast or inner.is_reserved:
        raise AddressRefused(_("%(ip)s is not a public address.") % {"ip": ip})
