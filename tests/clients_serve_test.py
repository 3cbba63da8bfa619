"""The official clients against a model that two nodes share.

usage: clients_serve_test.py EXOGPU MODEL CLIENTS_BUILD_DIR
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

from harness.waiting import until

EXOGPU, MODEL, BUILD = sys.argv[1:4]
HERE = pathlib.Path(__file__).resolve().parent


def start(folder, name, *arguments):
    process = subprocess.Popen(
        [EXOGPU, "serve", *arguments, "--name", name, "--state", folder / name, "--cache", folder / f"{name}-cache",
         "--listen", "127.0.0.1:0", "--device", "cpu"], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline()


def healthy(url):
    try:
        with urllib.request.urlopen(url + "/health", timeout=20):
            return True
    except OSError:
        return False


with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    first, line = start(folder, "a", MODEL, "--api", "127.0.0.1:0", "--layers", "a/cpu:0-5,b/cpu:6-11", "-c", "2048")
    url = re.search(r"http://[\d.:]+", line)[0]
    token = subprocess.run([EXOGPU, "token", "--state", folder / "a"], check=True, capture_output=True,
                           text=True).stdout.strip()
    second, _ = start(folder, "b", "--no-api", "--token", token, "--join", re.search(r"on port (\d+)", line)[1].join(
        ["127.0.0.1:", ""]))
    try:
        until("the model is served", lambda: healthy(url), 200)
        status = subprocess.run([sys.executable, HERE / "clients_test.py", "--build", BUILD, "--base-url", url, "--model",
                                 pathlib.Path(MODEL).stem]).returncode
    finally:
        for process in (first, second):
            process.terminate()
        for process in (first, second):
            process.wait(60)
sys.exit(status)
