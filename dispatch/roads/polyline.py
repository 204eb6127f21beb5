"""Ways as text, in Google's encoding of polylines.

https://developers.google.com/maps/documentation/utilities/polylinealgorithm. Points are (latitude,
longitude) in degrees; the text has five digits after the point unless told otherwise.
"""

from collections.abc import Iterable

Point = tuple[float, float]
DIGITS = 5


def decode(text: str, digits: int = DIGITS) -> list[Point]:
    """Return the points of a way. Raises ValueError if the text is none on the globe."""
    numbers, value, shift = [], 0, 0
    for character in text:
        six_bits = ord(character) - 63
        if not 0 <= six_bits < 64 or shift > 30:
            raise ValueError(f"{text[:40]!r} is no polyline.")
        value |= (six_bits & 31) << shift
        shift += 5
        if six_bits < 32:
            numbers.append(~(value >> 1) if value & 1 else value >> 1)
            value, shift = 0, 0
    if shift or len(numbers) % 2:
        raise ValueError(f"{text[:40]!r} is cut off.")
    points, lat, lon = [], 0, 0
    for north, east in zip(numbers[::2], numbers[1::2], strict=True):
        lat, lon = lat + north, lon + east
        points.append((lat / 10**digits, lon / 10**digits))
    if any(abs(lat) > 90 or abs(lon) > 180 for lat, lon in points):
        raise ValueError(f"{text[:40]!r} leaves the globe.")
    return points


def encode(points: Iterable[Point]) -> str:
    """Return the text of a way."""
    text, last = [], (0, 0)
    for lat, lon in points:
        here = round(lat * 10**DIGITS), round(lon * 10**DIGITS)
        for now, before in zip(here, last, strict=True):
            value = (now - before) << 1
            value = ~value if value < 0 else value
            while value >= 32:
                text.append(chr((value & 31 | 32) + 63))
                value >>= 5
            text.append(chr(value + 63))
        last = here
    return "".join(text)
