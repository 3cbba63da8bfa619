"""Devices and buffers, by their calls that wait and those that do not."""

import asyncio
import gc
import pickle

import numpy as np
import pytest

import exogpu

PATTERN = bytes(range(256)) * 64


def refused(code: str, words: str) -> pytest.RaisesExc[exogpu.ExogpuError]:
    return pytest.RaisesExc(exogpu.ExogpuError, match=words, check=lambda error: error.code == code)


def test_a_device_is_described(cpu: exogpu.Device) -> None:
    assert cpu.id == "cpu"
    assert cpu.info["precisions"]["f32"] is True
    assert cpu.memory().total_bytes > 0
    load = cpu.sensors().utilization
    assert load is None or 0 <= load <= 1
    assert "cpu" in repr(cpu)


def test_an_unknown_device_is_named(context: exogpu.Context) -> None:
    with refused("not_found", "vulkan9"):
        context.device("vulkan9")


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_bytes_go_up_across_and_down(cpu: exogpu.Device, size: int) -> None:
    data = (PATTERN * (size // len(PATTERN) + 1))[:size]
    source, target = cpu.upload(data), cpu.allocate(size)
    source.copy_to(target)
    assert target.download() == data
    into = bytearray(size)
    assert target.download(into) is into
    assert into == data


def test_the_same_in_asyncio(cpu: exogpu.Device) -> None:
    async def run() -> None:
        source, target = await asyncio.gather(cpu.allocate_async(len(PATTERN)), cpu.allocate_async(len(PATTERN)))
        await source.upload_async(PATTERN)
        await source.copy_to_async(target)
        assert await target.download_async() == PATTERN
        await cpu.synchronize_async()
        with refused("invalid_argument", "reach outside"):
            await target.upload_async(b"12", offset=len(PATTERN) - 1)
        with refused("out_of_memory", "do not fit"):
            await cpu.allocate_async(1 << 60)

    asyncio.run(run())


def test_arrays_are_views_of_the_hosts_memory(cpu: exogpu.Device) -> None:
    numbers = np.arange(1000, dtype=np.float32)
    buffer = cpu.upload(numbers)
    view = np.asarray(buffer).view(np.float32)
    assert np.array_equal(view, numbers)
    view[3] = 77
    assert np.frombuffer(buffer.download(), np.float32)[3] == 77
    other = np.from_dlpack(buffer)
    assert np.shares_memory(other, view)
    assert buffer.view()[:4] == numbers[:1].tobytes()


def test_a_view_keeps_the_memory_of_a_freed_buffer(cpu: exogpu.Device) -> None:
    before = cpu.memory().allocated_bytes
    buffer = cpu.upload(PATTERN)
    view = buffer.view()
    buffer.free()
    buffer.free()
    with refused("invalid_argument", "freed before"):
        buffer.download()
    assert bytes(view) == PATTERN
    assert cpu.memory().allocated_bytes == before + len(PATTERN)
    del view
    gc.collect()
    assert cpu.memory().allocated_bytes == before


def test_ranges_are_checked(cpu: exogpu.Device) -> None:
    buffer = cpu.allocate(16)
    with refused("invalid_argument", "reach outside a buffer of 16 bytes"):
        buffer.upload(b"12345", offset=12)
    with refused("invalid_argument", "overlaps itself"):
        buffer.copy_to(buffer, target_offset=4, size=8)
    with pytest.raises(BufferError):
        buffer.download(b"not writable")
    with pytest.raises(TypeError):
        buffer.upload("a text")  # type: ignore[arg-type]


def test_a_closed_context_refuses() -> None:
    with exogpu.Context(cpu_only=True) as context:
        buffer = context.device("cpu").upload(b"abc")
    with refused("failed_precondition", "was closed"):
        buffer.download()
    context.close()


def test_a_ticket_outlives_its_cancelled_task(cpu: exogpu.Device) -> None:
    data = bytearray(1 << 24)
    buffer = cpu.allocate(len(data))

    async def run() -> None:
        task = asyncio.create_task(buffer.upload_async(data))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    data.append(0)  # nothing holds the bytes any more


def test_an_error_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(exogpu.ExogpuError("not_found", "no such thing")))
    assert (error.code, str(error)) == ("not_found", "no such thing")
