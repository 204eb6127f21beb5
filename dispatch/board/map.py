"""Lay out the day on a map, as plain values for JSON."""

from collections import Counter
from typing import Any

from dispatch.board.day import Board
from dispatch.board.scale import Scale

# How many names stay readable on one map.
PLACES, TOWNS = 14, 24


def map_of(board: Board) -> dict:
    """Return drivers with their trips, waiting trips, names, and bounds; places are [lat, lon]."""
    scale = Scale(board)
    drivers: list[dict[str, Any]] = [
        {
            "id": day.row.id,
            "name": day.row.name,
            "trips": [_trip(scale, trip.row, trip.row.planned_pickup_at) for trip in day.trips],
            "seen": day.row.last_position_at and [day.row.last_lat, day.row.last_lon],
            "seen_at": day.row.last_position_at and scale.clock(day.row.last_position_at),
        }
        for day in board.drivers
    ]
    waiting = [_trip(scale, item.row, item.row.scheduled_time) for item in board.waiting]
    trips = [trip for driver in drivers for trip in driver["trips"]] + waiting
    ends = [end for trip in trips for end in (trip["from"], trip["to"])]
    return {
        "drivers": drivers,
        "waiting": waiting,
        "labels": _labels(trips),
        "bounds": [
            [min(lat for lat, _lon in ends), min(lon for _lat, lon in ends)],
            [max(lat for lat, _lon in ends), max(lon for _lat, lon in ends)],
        ]
        if ends
        else None,
    }


def _trip(scale, row, at):
    return {
        "booking": row.id,
        "who": row.client_name or row.reference or f"#{row.id}",
        "clock": scale.clock(at),
        "from": [row.pickup_lat, row.pickup_lon],
        "to": [row.dropoff_lat, row.dropoff_lon],
        "pickup": row.pickup_address,
        "dropoff": row.dropoff_address,
    }


def _labels(trips):
    """Return the names to write on the map: the most frequent places, and their towns.

    An address reads "place, street, postcode town", or a part of that.
    """
    seen = Counter()
    towns = {}
    for trip in trips:
        for address, at in ((trip["pickup"], trip["from"]), (trip["dropoff"], trip["to"])):
            seen[(address, *at)] += 1
            town = address.rpartition(",")[2].strip().lstrip("0123456789 ")
            if town:
                towns.setdefault(town, []).append(at)
    places = [
        {"text": address.partition(",")[0], "at": [lat, lon], "kind": ""}
        for (address, lat, lon), count in seen.most_common(PLACES)
        if address and count > 2
    ]
    most = sorted(towns, key=lambda town: -len(towns[town]))[:TOWNS]
    return places + [
        {
            "text": town,
            "at": [sum(values) / len(values) for values in zip(*towns[town], strict=True)],
            "kind": "town",
        }
        for town in most
    ]
