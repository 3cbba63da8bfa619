"""Each call of the C interface through exogpu._core: with handles that name nothing or belong to a closed context, and
with each error that exogpu.h documents. tests/contract_test.py --check compares what these tests reach with the header.
"""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from test_devices import refused

import exogpu
from exogpu import _core

QUESTION = '[{"role": "user", "content": "Hello"}]'


def generate(model: int, prompt: str = "Once", max_tokens: int = 2) -> int:
    return _core.model_generate(
        model, None, prompt, None, [], max_tokens, True, 0.0, None, None, None, None, None, None, 0
    )


def start(context: int, settings: _core.NodeSettings | None = None) -> int:
    return _core.node_start(context, settings or _core.NodeSettings())


def open_model(context: int, path: str = "no-such.gguf", context_tokens: int = 0) -> int:
    return _core.model_open_async(context, path, None, context_tokens, 1, 0, None)


# By the kind of handle that comes first: the calls, with their other arguments.
CALLS: dict[str, list[tuple[Callable[..., Any], tuple[Any, ...]]]] = {
    "context": [
        (_core.device_list, ()),
        (_core.device_find, ("cpu",)),
        (open_model, ()),
        (_core.cluster_open, ("127.0.0.1:1", None)),
        (start, ()),
        (_core.context_close, ()),
    ],
    "device": [
        (_core.device_json, ()),
        (_core.device_asynchronous, ()),
        (_core.device_memory, ()),
        (_core.device_sensors, ()),
        (_core.device_record, ()),
        (_core.buffer_allocate, (1,)),
        (_core.buffer_allocate_async, (1,)),
    ],
    "buffer": [
        (_core.buffer_describe, ()),
        (_core.buffer_array, (None,)),
        (_core.buffer_upload, (0, b"a")),
        (_core.buffer_download, (0, bytearray(1))),
        (lambda buffer: _core.buffer_copy(buffer, 0, buffer, 1, 1), ()),
        (_core.buffer_upload_async, (0, b"a")),
        (_core.buffer_download_async, (0, bytearray(1))),
        (lambda buffer: _core.buffer_copy_async(buffer, 0, buffer, 1, 1), ()),
        (_core.buffer_free, ()),
    ],
    "ticket": [
        (_core.ticket_wait, (-1,)),
        (_core.ticket_fd, ()),
        (_core.ticket_buffer, ()),
        (_core.ticket_model, ()),
        (_core.ticket_cancel, ()),
        (_core.ticket_free, ()),
    ],
    "model": [
        (_core.model_json, ()),
        (_core.model_tokenize, ("a", 0)),
        (_core.model_detokenize, ([1],)),
        (_core.model_template, ("[]",)),
        (_core.model_embed, ("a",)),
        (generate, ()),
        (_core.model_close, ()),
    ],
    "generation": [
        (_core.generation_next, (-1,)),
        (_core.generation_fd, ()),
        (_core.generation_cancel, ()),
        (_core.generation_stats, ()),
        (_core.generation_free, ()),
    ],
    "cluster": [
        (_core.cluster_models, ()),
        (_core.cluster_json, ()),
        (_core.cluster_model, ("a",)),
        (_core.cluster_close, ()),
    ],
    "node": [
        (_core.node_ports, ()),
        (_core.node_json, ()),
        (_core.node_wait, (0, -1)),
        (_core.node_model, ("a",)),
        (_core.node_token, (1, 60)),
        (_core.node_pair, ()),
        (_core.node_approve, ("123456",)),
        (_core.node_add_peer, ("127.0.0.1:1",)),
        (_core.node_report_sensors, (0.5, -1, -1, 0.0, 0.0)),
        (_core.node_stop, ()),
        (_core.node_leave, ()),
    ],
}


def settings(folder: Path, name: str, model: str) -> _core.NodeSettings:
    chosen = _core.NodeSettings()
    chosen.state, chosen.cache = str(folder / f"{name}-state"), str(folder / f"{name}-cache")
    chosen.name, chosen.model, chosen.listen, chosen.devices = name, model, "127.0.0.1:0", ["cpu"]
    chosen.threads, chosen.context_tokens = 1, 256
    return chosen


@pytest.fixture
def own() -> Iterator[int]:
    """A context of the test's own."""
    handle = _core.context_open(None, False, True, None, None)
    yield handle
    try:
        _core.context_close(handle)
    except exogpu.ExogpuError as error:
        assert error.code == "failed_precondition"  # noqa: PT017 - the test closed it


def every_call_fails(handles: dict[str, int], code: str, words: str) -> None:
    for kind, calls in CALLS.items():
        for call, arguments in calls:
            with refused(code, words):
                call(handles[kind], *arguments)


def test_handles_that_name_nothing(own: int) -> None:
    every_call_fails(dict.fromkeys(CALLS, 0), "invalid_argument", "is 0, which names nothing")
    every_call_fails(dict.fromkeys(CALLS, own + (1 << 30)), "invalid_argument", "was never given out")


def test_what_belongs_to_a_closed_context(own: int, model_path: str, tmp_path: Path) -> None:
    device = _core.device_find(own, "cpu")
    ticket = open_model(own, model_path, 512)
    assert _core.ticket_wait(ticket, -1)
    model = _core.ticket_model(ticket)
    handles = {
        "context": own,
        "device": device,
        "buffer": _core.buffer_allocate(device, 8),
        "ticket": ticket,
        "model": model,
        "generation": generate(model),
        "cluster": _core.cluster_open(own, "127.0.0.1:1", None),
        "node": _core.node_start(own, settings(tmp_path, "closed", model_path)),
    }
    _core.context_close(own)
    every_call_fails(handles, "failed_precondition", "which was closed")


def test_contexts_that_cannot_be_opened() -> None:
    with refused("not_found", "CPU"):
        _core.context_open("abacus", False, True, None, None)
    script = """
from exogpu import ExogpuError, _core
try:
    _core.context_open(None, False, True, None, "/var/empty")
except ExogpuError as error:
    print(error.code)
"""
    # Where the backends are counts for the first context of a process.
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "unavailable\n"


def test_operations_in_flight(own: int, model_path: str) -> None:
    device = _core.device_find(own, "cpu")
    assert _core.device_asynchronous(device) in (False, True)
    assert _core.ticket_wait(_core.device_record(device), -1)
    first, second = open_model(own, model_path), open_model(own, model_path)
    # Models are loaded one after the other, so the second is not done.
    assert not _core.ticket_wait(second, 0)
    for call in (_core.ticket_model, _core.ticket_buffer, _core.ticket_free):
        with refused("failed_precondition", "not done"):
            call(second)
    with no_more_files(), refused("resource_exhausted", ""):
        _core.ticket_fd(second)
    _core.ticket_cancel(second)
    assert _core.ticket_wait(first, -1)
    with refused("cancelled", "cancelled"):
        _core.ticket_wait(second, -1)
    with refused("failed_precondition", "made a model, and no buffer"):
        _core.ticket_buffer(first)
    for ticket in (first, second):
        _core.ticket_free(ticket)
    with refused("out_of_memory", "do not fit"):
        _core.buffer_allocate(device, 1 << 60)


@contextmanager
def no_more_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_files_that_are_no_models(own: int, model_path: str, tmp_path: Path) -> None:
    text, part = tmp_path / "text.gguf", tmp_path / "part.gguf"
    text.write_text("This is no model.\n", encoding="utf-8")
    part.write_bytes(Path(model_path).read_bytes()[:4096])
    for path, context_tokens, code in (
        ("no-such.gguf", 0, "not_found"),
        (str(text), 0, "unsupported"),
        (str(part), 0, "corrupt"),
        (str(tmp_path / ("a" * 300)), 0, "io_error"),
        (model_path, 4_000_000_000, "out_of_memory"),
    ):
        ticket = open_model(own, path, context_tokens)
        with refused(code, ""):
            _core.ticket_wait(ticket, -1)
        _core.ticket_free(ticket)


def test_answers_that_wait(own: int, model_path: str) -> None:
    ticket = open_model(own, model_path, 512)
    assert _core.ticket_wait(ticket, -1)
    model = _core.ticket_model(ticket)
    first, second = generate(model, max_tokens=0), generate(model)
    assert _core.generation_next(first, -1)[0]
    # The model writes one answer at a time.
    assert _core.generation_next(second, 0) == (None, False)
    with refused("failed_precondition", "has not ended"):
        _core.generation_stats(second)
    with no_more_files(), refused("resource_exhausted", ""):
        _core.generation_fd(second)
    _core.generation_cancel(first)
    for generation in (first, second):
        while not _core.generation_next(generation, -1)[1]:
            pass
    assert _core.generation_stats(first)[0] == exogpu._models.FINISH.index("cancelled")
    for call in (
        lambda: _core.model_generate(
            model, QUESTION, "a", None, [], 2, True, None, None, None, None, None, None, None, 0
        ),
        lambda: _core.model_detokenize(model, [1 << 30]),
        lambda: _core.model_template(model, "{"),
        lambda: _core.model_embed(model, "a"),
    ):
        with refused("invalid_argument", ""):
            call()
    _core.model_close(model)


def test_embeddings(own: int) -> None:
    if "EXOGPU_TEST_EMBEDDINGS" not in os.environ:
        pytest.skip("EXOGPU_TEST_EMBEDDINGS names no model")
    with exogpu.Context(cpu_only=True) as context:
        model = exogpu.Model.open(os.environ["EXOGPU_TEST_EMBEDDINGS"], context=context)
        assert len(model.embed("one two")) > 0
        with refused("resource_exhausted", ""):
            model.embed("a" * 20_000)


class Api(BaseHTTPRequestHandler):
    """A node's API that answers as the test says."""

    status, body = 200, "{}"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(Api.status)
        self.send_header("Content-Length", str(len(Api.body)))
        self.end_headers()
        self.wfile.write(Api.body.encode())

    do_GET = do_POST = answer  # noqa: N815 - names of the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def asks(cluster: int, model: int) -> list[Callable[[], object]]:
    return [lambda: _core.cluster_models(cluster), lambda: _core.cluster_json(cluster), *texts_of(model)]


def texts_of(model: int) -> list[Callable[[], object]]:
    return [
        lambda: _core.model_json(model),
        lambda: _core.model_tokenize(model, "a", 0),
        lambda: _core.model_detokenize(model, [1]),
        lambda: _core.model_template(model, "[]"),
        lambda: _core.model_embed(model, "a"),
    ]


def test_answers_of_an_api(own: int) -> None:
    server = HTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    cluster = _core.cluster_open(own, f"127.0.0.1:{server.server_port}", "key")
    model = _core.cluster_model(cluster, "any")
    try:
        Api.status, Api.body = 200, "nothing"
        assert _core.cluster_models(cluster) == _core.cluster_json(cluster) == "nothing"
        for ask in texts_of(model):
            with refused("corrupt", "the API answered"):
                ask()
        for Api.status, code in (
            (401, "unauthenticated"),
            (403, "permission_denied"),
            (404, "not_found"),
            (504, "deadline_exceeded"),
        ):
            Api.body = '{"error": {"message": "this is why"}}'
            for ask in asks(cluster, model):
                with refused(code, "this is why"):
                    ask()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    for ask in asks(cluster, model):
        with refused("unavailable", "127.0.0.1"):
            ask()
    with refused("invalid_argument", "not an address"):
        _core.cluster_open(own, "a:b:c", None)
    _core.cluster_close(cluster)


def test_nodes_that_cannot_start(own: int, model_path: str, tmp_path: Path) -> None:
    running = settings(tmp_path, "running", model_path)
    node = _core.node_start(own, running)
    with refused("failed_precondition", "runs a node with this state"):
        start(own, running)
    taken = settings(tmp_path, "taken", model_path)
    taken.listen = f"127.0.0.1:{_core.node_ports(node)[0]}"
    with refused("already_exists", taken.listen):
        start(own, taken)
    missing = settings(tmp_path, "missing", "no-such.gguf")
    with refused("not_found", "no-such.gguf"):
        start(own, missing)
    shared = settings(tmp_path, "shared", model_path)
    Path(shared.state).mkdir()
    Path(shared.state).chmod(0o777)
    with refused("permission_denied", "chmod 700"):
        start(own, shared)
    below = settings(tmp_path, "below", model_path)
    (tmp_path / "file").write_text("a file\n", encoding="utf-8")
    below.state = str(tmp_path / "file/state")
    with refused("io_error", "file/state"):
        start(own, below)
    joins(own, node, tmp_path)
    _core.node_stop(node)
    (Path(running.state) / "identity/node.crt").write_text("nothing of exogpu\n", encoding="utf-8")
    with refused("corrupt", "running-state"):
        start(own, running)


def joins(own: int, node: int, folder: Path) -> None:
    """By a token, once."""
    joining = settings(folder, "joining", "")
    joining.model = None
    joining.token = _core.node_token(node, 1, 600)
    joining.connect = ["127.0.0.1:1"]
    with refused("unavailable", "127.0.0.1:1"):
        start(own, joining)
    joining.connect = [f"127.0.0.1:{_core.node_ports(node)[0]}"]
    _core.node_leave(start(own, joining))
    assert (Path(joining.state) / "identity.before-1").is_dir()
    with refused("unauthenticated", "used up"):
        start(own, joining)


def test_calls_of_a_node(own: int, model_path: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/other.gguf").symlink_to(model_path)
    chosen = settings(tmp_path, "desk", model_path)
    chosen.models = str(tmp_path / "models")
    node = _core.node_start(own, chosen)
    state = Path(chosen.state)
    _core.node_add_peer(node, "127.0.0.1:1")
    with refused("invalid_argument", "not an address"):
        _core.node_add_peer(node, "a:b:c")
    with refused("invalid_argument", "charge is 2"):
        _core.node_report_sensors(node, 2.0, -1, -1, 0.0, 0.0)
    version = _core.node_wait(node, 0, -1)
    assert version is not None
    assert _core.node_wait(node, version + 1_000_000, 1) is None
    while '"serving":true' not in _core.node_json(node):
        version = _core.node_wait(node, version or 0, 60_000)
    for ask in texts_of(_core.node_model(node, "no-such")):
        with refused("not_found", "no-such"):
            ask()
    for ask in texts_of(_core.node_model(node, "other"))[1:4]:
        with refused("unavailable", "is not loaded"):
            ask()
    tokens_and_codes(node, state)
    code = joins_by_code(node, tmp_path, state)
    assert len(code) == 6
    ends(node)


def ends(node: int) -> None:
    """What waits for a change hears that the node ends."""
    codes: list[str] = []
    begun = threading.Event()

    def wait() -> None:
        begun.set()
        try:
            _core.node_wait(node, 1 << 62, -1)
        except exogpu.ExogpuError as error:
            codes.append(error.code)

    thread = threading.Thread(target=wait)
    thread.start()
    begun.wait()
    stat = Path(f"/proc/self/task/{thread.native_id}/stat")
    while stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] != "S":
        pass  # it is on its way into the call
    _core.node_stop(node)
    thread.join()
    assert codes == ["cancelled"]


def tokens_and_codes(node: int, state: Path) -> None:
    calls: list[tuple[str, Callable[[], object]]] = [
        ("tokens", lambda: _core.node_token(node, 1, 60)),
        ("pairing", lambda: _core.node_pair(node)),
        ("pairing", lambda: _core.node_approve(node, "123456")),
    ]
    for name, call in calls:
        call()
        file, lock = state / f"{name}.json", state / f"{name}.lock"
        file.write_text("nothing of exogpu\n", encoding="utf-8")
        with refused("corrupt", file.name):
            call()
        file.chmod(0o644)
        with refused("permission_denied", "chmod 600"):
            call()
        file.unlink()
        lock.unlink()
        lock.mkdir()
        with refused("io_error", lock.name):
            call()
        lock.rmdir()
        # A device that joined through an older exogpu has no key of the cluster's authority.
        key = state / "identity/authority.key"
        key.rename(state / "authority.key")
        with refused("failed_precondition", ""):
            call()
        (state / "authority.key").rename(key)
    with refused("invalid_argument", ""):
        _core.node_token(node, 0, 60)
    with refused("invalid_argument", ""):
        _core.node_approve(node, "12")
    entry = '{{"sha256": "{:064x}", "expires": 4000000000, "uses_remaining": 1}}'
    _core.node_token(node, 1, 60)  # makes the file
    (state / "tokens.json").write_text(
        '{"tokens": [' + ", ".join(map(entry.format, range(1000))) + "]}", encoding="utf-8"
    )
    with refused("resource_exhausted", "1000 tokens"):
        _core.node_token(node, 1, 60)


def joins_by_code(node: int, folder: Path, state: Path) -> str:
    at = f"127.0.0.1:{_core.node_ports(node)[0]}"
    with refused("invalid_argument", ""):
        _core.join(str(folder / "phone"), "12", at)
    with refused("unavailable", "127.0.0.1"):
        _core.join(str(folder / "phone"), "123456", "127.0.0.1:1")
    with refused("failed_precondition", "a node runs"):
        _core.join(str(state), "123456", at)
    code = _core.node_pair(node)
    _core.join(str(folder / "phone"), code, at)
    with refused("failed_precondition", "used up"):
        _core.join(str(folder / "phone"), code, at)
    with refused("io_error", "file"):
        (folder / "file").write_text("a file\n", encoding="utf-8")
        _core.join(str(folder / "file/state"), _core.node_pair(node), at)
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o777)
    with refused("permission_denied", "chmod 700"):
        _core.join(str(folder / "shared"), _core.node_pair(node), at)
    for _ in range(5):
        wrong = _core.node_pair(node)
        with refused("unauthenticated", "the code is wrong"):
            _core.join(str(folder / "phone"), wrong[:5] + str((int(wrong[5]) + 1) % 10), at)
    for call in (lambda: _core.node_pair(node), lambda: _core.node_approve(node, "123456")):
        with refused("resource_exhausted", "wrong codes"):
            call()
    return code
