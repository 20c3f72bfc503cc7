"""Waiting with a deadline. Nothing here sleeps in the hope that something has happened meanwhile."""

import time

DEADLINE_SECONDS = 10


def eventually(condition, what, seconds=DEADLINE_SECONDS):
    """The first true value of `condition()`; an error that says `what` did not happen after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)
