"""A small Valhalla server for tests: the roads of `road_server`, and what it can do wrong."""

import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dispatch.roads.polyline import encode
from tests.support.road_server import METRES, drive


class ValhallaServer:
    """`fails` says how a request fails, or None: "cut", "500", "html", "no table", "short".

    `islands` are places that no road leads to, `nowhere` those without a road near them, `off_m`
    how far north of the place its road is. A table of more than `most` legs is refused. `verbose`
    answers in the long form.
    """

    def __init__(self):
        self.fails = lambda number: None
        self.islands, self.nowhere, self.off_m = set(), set(), {}
        self.most, self.verbose = 2_500, False
        self.requests = self.refused = 0
        self.tables = Counter()
        self.url = ""

    def answer(self, path, asked):
        if path == "/locate":
            return 200, [self._located(place(one)) for one in asked["locations"]]
        if path == "/route":
            origin, destination = places(asked["locations"])
            if {origin, destination} & (self.islands | self.nowhere):
                return 400, {"error_code": 442, "error": "No path could be found for input"}
            north = [(lat * 10, lon * 10) for lat, lon in (origin, destination)]  # six digits
            return 200, {"trip": {"legs": [{"shape": encode(north)}]}}
        origins, destinations = map(places, (asked["sources"], asked["targets"]))
        if set(origins + destinations) & self.nowhere:
            return 400, {"error_code": 171, "error": "No suitable edges near location"}
        if len(origins) * len(destinations) > self.most:
            self.refused += 1
            return 400, {"error_code": 150, "error": "Exceeded max locations: 50"}
        self.tables[len(origins), len(destinations)] += 1
        legs = [[self._leg(a, b) for b in destinations] for a in origins]
        if self.verbose:
            rows = [[{"time": t, "distance": d} for t, d in row] for row in legs]
            return 200, {"sources_to_targets": rows, "units": "kilometers"}
        return 200, {
            "sources_to_targets": {
                "durations": [[leg[0] for leg in row] for row in legs],
                "distances": [[leg[1] for leg in row] for row in legs],
            },
            "units": "kilometers",
        }

    def _leg(self, origin, destination):
        if origin != destination and {origin, destination} & self.islands:
            return None, None
        seconds, metres = drive(origin, destination)
        return seconds, metres / 1000

    def _located(self, at):
        if at in self.nowhere:
            return {"input_lat": at[0], "input_lon": at[1], "edges": None, "nodes": None}
        lat = at[0] + self.off_m.get(at, 0) / METRES
        return {"edges": [{"correlated_lat": lat, "correlated_lon": at[1]}]}


def place(one):
    return one["lat"], one["lon"]


def places(asked):
    return list(map(place, asked))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server.roads
        server.requests += 1
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        how = server.fails(server.requests)
        if how == "cut":
            self.close_connection = True
            return
        status, values = server.answer(self.path, asked)
        table = values.get("sources_to_targets") if isinstance(values, dict) else None
        if how == "no table":
            values = {"sources_to_targets": None}
        if how == "short" and isinstance(table, dict):
            table["durations"] = table["durations"][:-1]
        body = json.dumps(values).encode()
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


@contextmanager
def valhalla_server():
    """Serve until the end of the block, at `url`."""
    roads = ValhallaServer()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        server.handle_error = lambda *args: None
        server.roads = roads
        roads.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        try:
            yield roads
        finally:
            server.shutdown()
