"""Cache folders for programs under test. EXOGPU_TEST_MEASURED is a cache folder in which the speeds of this machine's
processor are known (tools/checks/run_tests.py). Without it each program measures them, for seconds beside other tests,
and keeps nothing, since the measurement is disturbed."""
import os
import pathlib
import shutil

KNOWN = ("profiles.json", "layouts.json")


def cache_home(folder):
    """The folder as XDG_CACHE_HOME, with what is known of the machine."""
    measured = os.environ.get("EXOGPU_TEST_MEASURED")
    cache = pathlib.Path(folder) / "exogpu"
    for name in KNOWN:
        source = pathlib.Path(measured) / "exogpu" / name if measured else None
        if source and source.exists() and not (cache / name).exists():
            cache.mkdir(parents=True, exist_ok=True)
            copy = cache / f"{name}.{os.getpid()}"
            shutil.copyfile(source, copy)
            os.replace(copy, cache / name)
    return str(folder)
