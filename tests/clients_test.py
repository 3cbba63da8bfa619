"""The official clients of OpenAI, Anthropic and Ollama, for Python and JavaScript, against a server.

usage: clients_test.py --build DIR --server PROGRAM [ARGUMENT...]    starts it: it prints its URL and ends with its input
       clients_test.py --build DIR --base-url http://127.0.0.1:8080 --model NAME    one that runs

The clients are installed below DIR when they are new (pip and npm, as this machine has them set up). Exit status 77 says
that one of them cannot be had here.
"""
import argparse
import contextlib
import hashlib
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent / "clients"


class Missing(Exception):
    pass


def run(command, **options):
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{command[0]}: {error}") from error
    if done.returncode:
        raise Missing(f"{' '.join(str(part) for part in command)}:\n{(done.stdout + done.stderr)[-2000:]}")


def installed(build, pins, install):
    """The folder with exactly these pinned packages, installed by this call or an earlier one."""
    digest = hashlib.sha256(b"".join(pin.read_bytes() for pin in pins) + sys.version.encode()).hexdigest()[:12]
    folder = build / f"{pins[0].stem}-{digest}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install(folder)
        (folder / "complete").touch()
    return folder


def install_python(folder):
    run([sys.executable, "-m", "venv", folder / "venv"])
    run([folder / "venv/bin/pip", "install", "-q", "-r", HERE / "requirements.txt"])


def install_javascript(folder):
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / name, folder)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)


@contextlib.contextmanager
def serving(options):
    if options.base_url:
        yield options.base_url
        return
    with subprocess.Popen(options.server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().strip()
        server.stdin.close()
        if server.wait(timeout=30):
            raise SystemExit(f"the server ended with status {server.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--base-url")
    parser.add_argument("--model", default="words")
    parser.add_argument("--server", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.base_url and not options.server:
        parser.error("give --server PROGRAM or --base-url")
    build = options.build.resolve()
    try:
        python = installed(build, [HERE / "requirements.txt"], install_python)
        javascript = installed(build, [HERE / "package.json", HERE / "package-lock.json"], install_javascript)
    except Missing as missing:
        print(f"skipped: the clients cannot be installed here: {missing}")
        return 77
    # Node.js searches packages beside the script.
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, javascript)
    failed = 0
    with serving(options) as base_url:
        for script in sorted((*HERE.glob("*_client.py"), *javascript.glob("*_client.mjs"))):
            command = [python / "venv/bin/python" if script.suffix == ".py" else "node", script]
            # OpenAI's clients expect the version in their address, the others write it themselves.
            url = base_url + ("/v1" if script.name.startswith("openai") else "")
            print(f"{script.name}:", flush=True)
            done = subprocess.run([*command, url, options.model], timeout=300, check=False)
            failed += done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
