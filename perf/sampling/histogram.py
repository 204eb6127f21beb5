"""Milliseconds counted in buckets, each a quarter of a doubling: quantiles within 9 %.

A histogram is a dictionary from the bucket's number, as text, to how many fell into it: so it is
kept as JSON, and histograms are added.
"""

from math import floor, log2

WIDTH = 4  # buckets of a doubling


def bucket_of(ms) -> str:
    return str(floor(log2(max(ms, 0.001)) * WIDTH))


def add(into: dict, more: dict) -> None:
    for bucket, count in more.items():
        into[bucket] = into.get(bucket, 0) + count


def quantile(buckets: dict, share: float) -> float | None:
    """Return the milliseconds that a share stays below: the middle of its bucket; None of none."""
    total = sum(buckets.values())
    if not total:
        return None
    seen = 0
    for bucket in sorted(buckets, key=int):
        seen += buckets[bucket]
        if seen >= share * total:
            break
    return 2 ** ((int(bucket) + 0.5) / WIDTH)
