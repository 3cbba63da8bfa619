"""Models, clusters and nodes."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from test_devices import refused

import exogpu

MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]


def test_an_answer_comes_in_pieces(model: exogpu.Model) -> None:
    generation = model.generate(MESSAGES, max_tokens=24, temperature=0)
    pieces = list(generation)
    assert len(pieces) >= 1
    assert generation.stats.answer_tokens > 0
    assert generation.stats.prompt_tokens > 0
    assert model.generate(MESSAGES, max_tokens=24, temperature=0).text() == "".join(pieces)
    assert list(generation) == []


def test_an_answer_comes_in_asyncio(model: exogpu.Model) -> None:
    async def run() -> list[str]:
        generations = [model.generate(MESSAGES, max_tokens=12, temperature=0) for _ in range(3)]
        return await asyncio.gather(*(each.text_async() for each in generations))

    texts = asyncio.run(run())
    assert texts == [model.generate(MESSAGES, max_tokens=12, temperature=0).text()] * 3


def test_a_cancelled_task_cancels_its_answer(model: exogpu.Model) -> None:
    async def run() -> exogpu.Generation:
        generation = model.generate("Once upon a time", ignore_end=True)
        begun = asyncio.Event()

        async def read() -> None:
            async for _ in generation:
                begun.set()

        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await generation.text_async()  # to its end
        return generation

    assert asyncio.run(run()).stats.finish == "cancelled"


def test_leaving_a_block_ends_the_answer(model: exogpu.Model) -> None:
    with model.generate("Once upon a time", ignore_end=True) as generation:
        assert next(generation)
    assert list(generation) == []
    # The model is free for the next.
    assert model.generate("One", max_tokens=2, ignore_end=True).text() is not None


def test_ctrl_c_ends_an_answer(model_path: str) -> None:
    script = f"""
import exogpu
model = exogpu.Model.open({model_path!r}, context=exogpu.Context(cpu_only=True))
try:
    for text in model.generate("Once upon a time", ignore_end=True):
        print("piece", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "piece\n"
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert rest.splitlines()[-1] == "interrupted"
    assert process.returncode == 0


def test_the_interpreter_runs_meanwhile(model: exogpu.Model) -> None:
    steps = 0
    ended = threading.Event()

    def count() -> None:
        nonlocal steps
        while not ended.is_set():
            steps += 1

    thread = threading.Thread(target=count)
    thread.start()
    model.generate("Once upon a time", max_tokens=8, ignore_end=True).text()
    ended.set()
    thread.join()
    assert steps > 0


def test_texts_and_tokens(model: exogpu.Model) -> None:
    tokens = model.tokenize("Hello, world")
    assert model.detokenize(tokens) == "Hello, world"
    assert "capital of France" in model.template(MESSAGES)
    assert model.info["context_tokens"] == 1024


def test_errors_of_models(model: exogpu.Model, context: exogpu.Context) -> None:
    with refused("not_found", "no-such.gguf"):
        exogpu.Model.open("no-such.gguf", context=context)
    with refused("invalid_argument", "top_p"):
        model.generate("a", top_p=7).text()
    with refused("invalid_argument", "not made for embeddings"):
        model.embed("a")
    with refused("unavailable", "127.0.0.1:1"):
        exogpu.Cluster("127.0.0.1:1", context=context).models()

    async def late() -> None:
        with refused("not_found", "no-such.gguf"):
            await exogpu.Model.open_async("no-such.gguf", context=context)

    asyncio.run(late())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_is_refused(context: exogpu.Context) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            context.devices  # noqa: B018
        except exogpu.ExogpuError as error:
            code = 0 if error.code == "failed_precondition" and "fork" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_node_serves_this_process_and_others(context: exogpu.Context, model_path: str, tmp_path: Path) -> None:
    async def watched(node: exogpu.Node) -> str:
        async for snapshot in node.snapshots():
            for model in snapshot["models"]:
                if model["serving"]:
                    return str(model["model"])
        raise AssertionError("the node ended")

    with exogpu.Node(
        tmp_path / "state", tmp_path / "cache", model=model_path, name="desk", listen="127.0.0.1:0", api="127.0.0.1:0",
        api_key="secret", devices=["cpu"], context_tokens=512, context=context,
    ) as node:  # fmt: skip
        name = asyncio.run(watched(node))
        own = node.model(name).generate(MESSAGES, max_tokens=8, temperature=0).text()
        cluster = exogpu.Cluster(f"127.0.0.1:{node.api_port}", key="secret", context=context)
        assert name in cluster.models()
        assert cluster.model(name).generate(MESSAGES, max_tokens=8, temperature=0).text() == own
        assert cluster.snapshot()["nodes"][0]["name"] == "desk"
        assert len(node.pair()) == 6
        assert node.token()
        node.report_sensors(charge=0.5, on_battery=True)
        assert node.wait(10**9, timeout=0.01) is None
        assert node.port
    node.stop()


def test_the_program_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exogpu", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )
    if done.returncode and "not installed" in done.stderr:
        pytest.skip("this is no wheel")
    assert exogpu.__version__ in done.stdout
