"""Waiting for conditions. EXOGPU_TEST_WAIT_S is the time limit of one wait, in seconds."""
import os
import time

os.environ["XDG_CONFIG_HOME"] = os.devnull  # ignore the user's own configuration
WAIT_S = float(os.environ.get("EXOGPU_TEST_WAIT_S", "60"))


def until(what, ready, seconds=WAIT_S, pause_s=0.02):
    """Waits until ready() is true and returns its result. `what` names it in the error; it may be a function that is
    called then."""
    end = time.monotonic() + seconds
    while True:
        value = ready()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not in time: {what() if callable(what) else what}")
        time.sleep(pause_s)


def stays(what, holds, seconds, pause_s=0.1):
    """Checks for so long that holds() stays true: for what must not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not holds():
            raise AssertionError(f"did not last: {what() if callable(what) else what}")
        time.sleep(pause_s)
