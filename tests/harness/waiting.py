"""For tests that wait: EXOGPU_TEST_WAIT_S is how long something may take that takes a moment."""
import os
import time

os.environ["XDG_CONFIG_HOME"] = os.devnull  # what the person has set up does not count here
WAIT_S = float(os.environ.get("EXOGPU_TEST_WAIT_S", "60"))


def until(what, ready, seconds=WAIT_S, pause_s=0.02):
    """Waits for ready() to be true and returns it; `what` may be a function, for what is known in the end."""
    end = time.monotonic() + seconds
    while True:
        value = ready()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not in time: {what() if callable(what) else what}")
        time.sleep(pause_s)


def stays(what, holds, seconds, pause_s=0.1):
    """Watches for so long that holds() stays true: for what must not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not holds():
            raise AssertionError(f"did not last: {what() if callable(what) else what}")
        time.sleep(pause_s)
