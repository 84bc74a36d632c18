"""What is done with many measurements of one thing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def summary(samples: Sequence[float], unit: str = "ms") -> dict[str, float | int | str]:
    """Return the count, median and 95th percentile of ``samples``, in ``unit``."""
    ordered = sorted(samples)
    return {
        "samples": len(ordered),
        "median": round(statistics.median(ordered), 3),
        "p95": round(ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))], 3),
        "unit": unit,
    }


def compare(ours: Sequence[float], floor: Sequence[float], target: float) -> dict[str, object]:
    """Return both summaries and the ratio of their medians and 95th percentiles."""
    mine, bare = summary(ours), summary(floor)
    ratio = float(mine["median"]) / float(bare["median"])
    return {
        "ours": mine,
        "floor": bare,
        "ratio": round(ratio, 3),
        "ratio_p95": round(float(mine["p95"]) / float(bare["p95"]), 3),
        "target": target,
        "reached": ratio <= target,
    }
