"""Clients that are too large for every run of the tests, against a model that is served: tests/clients/more/.

usage: clients_more.py EXOGPU MODEL BUILD_DIR [CLIENT...]

Installs them below BUILD_DIR, as clients_test.py does, serves MODEL on this machine, and prints what worked with each
client; exit status 1 if one failed. CLIENT: "langchain", "litellm", ...; all without one.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import clients_test
from harness.waiting import until

MORE = pathlib.Path(__file__).resolve().parent / "clients" / "more"


def python_of(build, requirements):
    def install(folder):
        clients_test.run([sys.executable, "-m", "venv", folder / "venv"])
        clients_test.run([folder / "venv/bin/pip", "install", "-q", "-r", requirements])
    return clients_test.installed(build, [requirements], install) / "venv/bin/python"


def javascript_of(build):
    pins = [MORE / "package.json", MORE / "package-lock.json"]

    def install(folder):
        for name in (*pins, MORE / ".npmrc"):
            shutil.copy(name, folder)
        clients_test.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
    return clients_test.installed(build, pins, install)


def command_of(script, build):
    if script.suffix == ".mjs":
        return ["node", shutil.copy(script, javascript_of(build))]  # it searches packages beside the script
    own = MORE / script.name.replace("_client.py", "_requirements.txt")
    return [python_of(build, own if own.exists() else MORE / "requirements.txt"), script]


def main():
    exogpu, model, build, *chosen = sys.argv[1:]
    scripts = [script for script in sorted(MORE.glob("*_client.*"))
               if not chosen or script.stem.removesuffix("_client") in chosen]
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        state = pathlib.Path(scratch)
        server = subprocess.Popen(
            [exogpu, "serve", model, "--api", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--state", state / "state",
             "--cache", state / "cache", "-c", "2048"], stdout=subprocess.PIPE, text=True)
        try:
            url = re.search(r"http://[\d.:]+", server.stdout.readline())[0]
            until("the model is served", lambda: subprocess.run(
                ["curl", "-sf", url + "/health"], capture_output=True, check=False).returncode == 0, 200)
            for script in scripts:
                print(f"{script.name}:", flush=True)
                done = subprocess.run([*command_of(script, pathlib.Path(build).resolve()), url, pathlib.Path(model).stem],
                                      timeout=600, check=False)
                if done.returncode:
                    failed.append(script.name)
        finally:
            server.terminate()
            server.wait(60)
    print("failed: " + ", ".join(failed) if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
