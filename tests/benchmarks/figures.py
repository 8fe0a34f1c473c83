"""Figures as the benchmark prints them."""

from collections.abc import Sequence
from statistics import median, quantiles


def told(name: str, figure: str, goal: str = "") -> None:
    """One line."""
    print(f"  {name:44} {figure:>26}   {goal}", flush=True)


def ratio(name: str, ours: Sequence[float], other: Sequence[float], goal: str) -> None:
    """How often the other's cost, measured in turn; beside it our own in milliseconds."""
    each = [one / another for one, another in zip(ours, other, strict=True)]
    told(name, f"{median(each):.2f} x ({median(ours) * 1000:.2f} ms)", goal)


def percentiles(name: str, seconds: Sequence[float], goal: str = "") -> None:
    """Half, nineteen of twenty, ninety-nine of a hundred, in seconds."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    told(name, f"{cuts[49]:.2f}, {cuts[94]:.2f}, {cuts[98]:.2f} s", goal)
