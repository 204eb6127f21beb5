"""A small OSRM server for tests: a grid of roads, and whatever a server can do wrong.

Drives go north-south, then east-west, at 36 km/h; to the east they take twice as long as back, so
that every leg differs from its way back.
"""

import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from dispatch.roads.polyline import encode

METRES = 111_195  # of a degree of latitude; of longitude, for a test, as well


def drive(origin, destination):
    """Return (seconds, metres) from one (latitude, longitude) to another."""
    north = abs(destination[0] - origin[0]) * METRES
    east = (destination[1] - origin[1]) * METRES
    return round(north / 10 + (east / 5 if east > 0 else -east / 10)), round(north + abs(east))


class RoadServer:
    """`fails` is called with the number of the request, and says how it fails, or None.

    Ways to fail are "hang", "drip", "cut", "500", "html", "nulls", "no table", "short" and
    "negative"; a table of more than `most` legs is refused. `islands` are places that no road leads
    to or from, `off_m` is how far a place is from the road. `legs` counts how often each (origin,
    destination) was asked for.
    """

    def __init__(self):
        self.fails = lambda number: None
        self.islands = set()
        self.off_m = {}
        self.most = 10_000
        self.requests = self.refused = 0
        self.legs = Counter()
        self.over = threading.Event()
        self.url = ""

    def answer(self, path):
        """Return the answer to a request as (status, values)."""
        parts = urlsplit(path)
        places = [
            (float(lat), float(lon))
            for lon, lat in (p.split(",") for p in parts.path.rpartition("/")[2].split(";"))
        ]
        if "/route/" in parts.path:
            return self._route(*places)
        asked = parse_qs(parts.query)
        origins = [places[int(i)] for i in asked["sources"][0].split(";")]
        destinations = [places[int(i)] for i in asked["destinations"][0].split(";")]
        if len(origins) * len(destinations) > self.most:
            self.refused += 1
            return 400, {"code": "TooBig", "message": "Too many table coordinates"}
        self.legs.update((a, b) for a in origins for b in destinations)
        table = [[self._leg(a, b) for b in destinations] for a in origins]
        return 200, {
            "code": "Ok",
            "durations": [[leg[0] for leg in row] for row in table],
            "distances": [[leg[1] for leg in row] for row in table],
            "sources": [{"distance": self.off_m.get(p, 3.5)} for p in origins],
            "destinations": [{"distance": self.off_m.get(p, 3.5)} for p in destinations],
        }

    def _route(self, origin, destination):
        """Answer with the corner at which a drive turns."""
        if {origin, destination} & self.islands:
            return 400, {"code": "NoRoute", "message": "Impossible route between points"}
        corner = (destination[0], origin[1])
        way = encode([origin, corner, destination])
        return 200, {"code": "Ok", "routes": [{"geometry": way}]}

    def _leg(self, origin, destination):
        if origin != destination and {origin, destination} & self.islands:
            return None, None
        return drive(origin, destination)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server.roads
        server.requests += 1
        how = server.fails(server.requests)
        if how == "hang":
            server.over.wait(30)
        if how in ("hang", "cut"):
            self.close_connection = True
            return
        if how == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not server.over.wait(0.05):
                self.wfile.write(b" ")
            return
        status, values = server.answer(self.path)
        body = json.dumps(spoilt(how, values)).encode()
        if how == "500":
            status, body = 500, b"Internal Server Error"
        if how == "html":
            body = b"<html><body>Welcome to nginx!</body></html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


def spoilt(how, values):
    """Return an answer with this fault."""
    if "routes" in values:
        return values if how is None else values | {"routes": None}
    if how == "no table":
        return {"code": "Ok", "durations": None}
    if how == "nulls":
        rows = [[None for _leg in row] for row in values["durations"]]
        return values | {"durations": rows, "distances": rows}
    if how == "short":
        return values | {"durations": values["durations"][:-1]}
    if how == "negative":
        return values | {"durations": [[-60.0 for _leg in row] for row in values["durations"]]}
    return values


@contextmanager
def road_server():
    """Serve until the end of the block, at `url`."""
    roads = RoadServer()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        server.handle_error = lambda *args: None  # a client that hung up
        server.roads = roads
        roads.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        try:
            yield roads
        finally:
            roads.over.set()
            server.shutdown()
