"""Waiting for a condition with a deadline; nothing in these tests sleeps for a fixed time and hopes."""

import os
import time
from typing import Callable, TypeVar

T = TypeVar("T")

#: Sanitizer builds are several times slower; deadlines stretch by this, conditions do not change.
SLOW_FACTOR = float(os.environ.get("AGENTGW_SLOW_FACTOR", "1"))


def deadline(seconds: float) -> float:
    return seconds * SLOW_FACTOR


def until(condition: Callable[[], T], what: str, seconds: float = 5.0) -> T:
    """Polls until the condition is truthy and returns its value; fails the test when the deadline has passed."""
    end = time.monotonic() + deadline(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"gave up after {deadline(seconds):g} s waiting until {what}")
        time.sleep(0.005)
