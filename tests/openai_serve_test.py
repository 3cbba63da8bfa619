"""The official `openai` clients against a model that two nodes share.

usage: openai_serve_test.py EXOGPU MODEL CLIENTS_BUILD_DIR
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

EXOGPU, MODEL, BUILD = sys.argv[1:4]
HERE = pathlib.Path(__file__).resolve().parent


def start(folder, name, *arguments):
    process = subprocess.Popen(
        [EXOGPU, "serve", *arguments, "--name", name, "--state", folder / name, "--cache", folder / f"{name}-cache",
         "--listen", "127.0.0.1:0", "--device", "cpu"], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline()


def wait(url):
    until = time.monotonic() + 200
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url + "/health", timeout=20):
                return
        except OSError:
            time.sleep(0.2)
    sys.exit("the model is not served")


with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    first, line = start(folder, "a", MODEL, "--api", "127.0.0.1:0", "--layers", "a/cpu:0-5,b/cpu:6-11", "-c", "2048")
    url = re.search(r"http://[\d.:]+", line)[0]
    token = subprocess.run([EXOGPU, "token", "--state", folder / "a"], check=True, capture_output=True,
                           text=True).stdout.strip()
    second, _ = start(folder, "b", "--no-api", "--token", token, "--join", re.search(r"on port (\d+)", line)[1].join(
        ["127.0.0.1:", ""]))
    try:
        wait(url)
        status = subprocess.run([sys.executable, HERE / "openai_test.py", "--build", BUILD, "--base-url", url, "--model",
                                 pathlib.Path(MODEL).stem]).returncode
    finally:
        for process in (first, second):
            process.terminate()
        for process in (first, second):
            process.wait(60)
sys.exit(status)
