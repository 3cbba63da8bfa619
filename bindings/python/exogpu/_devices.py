"""Contexts, devices and buffers."""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _core, _waiting
from ._errors import ExogpuError

if TYPE_CHECKING:
    from typing_extensions import Buffer as Bytes

# What a wheel carries: ggml's backends, and the program.
CARRIED = Path(__file__).parent / "lib"


def _carried(name: str) -> str | None:
    path = CARRIED / name
    return str(path) if path.exists() else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


@dataclass(frozen=True)
class MemoryInfo:
    """Bytes of a device's memory."""

    total_bytes: int
    free_bytes: int
    allocated_bytes: int  # by buffers of this context
    buffers: int


@dataclass(frozen=True)
class Readings:
    """Sensors of a device; None where it has none."""

    utilization: float | None  # 0..1, since the reading before
    temperature_c: float | None
    temperature_limit_c: float | None
    power_w: float | None
    clock_share: float | None  # 0..1, of the highest clock
    memory_used_bytes: int | None
    throttled: bool | None


class Context:
    """The devices of this machine, and all that is opened with it. Closes at the end of a `with` block."""

    def __init__(self, *, backend: str | None = None, software: bool = False, cpu_only: bool = False) -> None:
        program = None if os.environ.get("EXOGPU_UNCHECKED") else _carried("exogpu")
        self._handle = _core.context_open(backend, software, cpu_only, program, _carried("."))

    def close(self) -> None:
        """Ends and frees all that belongs to the context. Again: nothing."""
        handle, self._handle = self._handle, 0
        if handle:
            _core.context_close(handle)

    def __enter__(self) -> Context:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def devices(self) -> list[Device]:
        """Best first, the CPU last."""
        return [Device(self, handle) for handle in _core.device_list(self._handle)]

    def device(self, name: str) -> Device:
        """By id ("cpu", "vulkan0"), by the start of one that is unambiguous, or "gpu" for the best."""
        return Device(self, _core.device_find(self._handle, name))


_default: Context | None = None
_default_lock = threading.Lock()


def default_context() -> Context:
    """The context of calls that are given none. Opened with the first one, for the life of the process."""
    global _default
    with _default_lock:
        if _default is None:
            _default = Context()
        return _default


def devices() -> list[Device]:
    """The devices of this machine, best first, the CPU last."""
    return default_context().devices


class Device:
    """A GPU, or the CPU."""

    def __init__(self, context: Context, handle: int) -> None:
        self._context = context
        self._handle = handle

    @property
    def info(self) -> dict[str, Any]:
        """All that is known of it: id, name, vendor, architecture, memory_bytes, compute_units, precisions, ..."""
        info: dict[str, Any] = json.loads(_core.device_json(self._handle))
        return info

    @property
    def id(self) -> str:
        return str(self.info["id"])

    @property
    def name(self) -> str:
        return str(self.info["name"])

    @property
    def asynchronous(self) -> bool:
        """Whether it has a queue of its own for copies, so that they run beside what it computes."""
        return _core.device_asynchronous(self._handle)

    def memory(self) -> MemoryInfo:
        return MemoryInfo(*_core.device_memory(self._handle))

    def sensors(self) -> Readings:
        """May take milliseconds."""
        load, temperature, limit, power, clock, memory, throttled = _core.device_sensors(self._handle)
        used = _known(memory)
        return Readings(
            _known(load),
            _known(temperature),
            _known(limit),
            _known(power),
            _known(clock),
            None if used is None else int(used),
            None if throttled < 0 else throttled == 1,
        )

    def allocate(self, size: int) -> Buffer:
        """Bytes of undefined content."""
        return Buffer(self, _core.buffer_allocate(self._handle, size))

    async def allocate_async(self, size: int) -> Buffer:
        ticket = _core.buffer_allocate_async(self._handle, size)
        return Buffer(self, await _waiting.wait_async(ticket, _core.ticket_buffer))

    def upload(self, data: Bytes) -> Buffer:
        """A buffer with these bytes, such as those of a numpy array."""
        view = memoryview(data)
        buffer = self.allocate(view.nbytes)
        buffer.upload(view)
        return buffer

    def synchronize(self) -> None:
        """Waits until the copies that were begun before are done."""
        _waiting.wait(_core.device_record(self._handle), _waiting.nothing)

    async def synchronize_async(self) -> None:
        await _waiting.wait_async(_core.device_record(self._handle), _waiting.nothing)

    def __repr__(self) -> str:
        return f"<exogpu.Device {self.id}: {self.name}>"


class _Hold:
    """Owns a buffer's memory: freed with the last of the buffer and its views."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __del__(self) -> None:
        # Its context was closed, or the interpreter ends.
        with contextlib.suppress(ExogpuError, AttributeError, TypeError):
            _core.buffer_free(self.handle)


class Buffer:
    """Memory of a device. Bytes are copied with upload(), download() and copy_to().

    On a device in the host's memory the bytes are there without a copy, too: memoryview(buffer) (from Python 3.12 on;
    before, buffer.view()), numpy.asarray(buffer), and DLPack.
    """

    def __init__(self, device: Device, handle: int) -> None:
        self.device = device
        self._hold: _Hold | None = _Hold(handle)
        self.size, self.is_host = _core.buffer_describe(handle)

    @property
    def _handle(self) -> int:
        if self._hold is None:
            raise ExogpuError("invalid_argument", "the buffer was freed before")
        return self._hold.handle

    def free(self) -> None:
        """Its memory is given back once no view of it remains. Again: nothing."""
        self._hold = None

    def __enter__(self) -> Buffer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.free()

    def __len__(self) -> int:
        return self.size

    def upload(self, data: Bytes, offset: int = 0) -> None:
        _core.buffer_upload(self._handle, offset, data)

    def download(self, into: Bytes | None = None, offset: int = 0, size: int | None = None) -> Bytes:
        """Fills `into`, or returns a new bytearray of `size` bytes (default: to the buffer's end)."""
        target = bytearray(self.size - offset if size is None else size) if into is None else into
        _core.buffer_download(self._handle, offset, target)
        return target

    def copy_to(self, target: Buffer, *, offset: int = 0, target_offset: int = 0, size: int | None = None) -> None:
        """To a buffer of the same or another device of the context."""
        length = self.size - offset if size is None else size
        _core.buffer_copy(self._handle, offset, target._handle, target_offset, length)

    async def upload_async(self, data: Bytes, offset: int = 0) -> None:
        view = memoryview(data)  # keeps the bytes where they are
        await _waiting.wait_async(
            _core.buffer_upload_async(self._handle, offset, view), _waiting.nothing, (view, self._hold)
        )

    async def download_async(self, into: Bytes | None = None, offset: int = 0, size: int | None = None) -> Bytes:
        target = bytearray(self.size - offset if size is None else size) if into is None else into
        view = memoryview(target)
        await _waiting.wait_async(
            _core.buffer_download_async(self._handle, offset, view), _waiting.nothing, (view, self._hold)
        )
        return target

    async def copy_to_async(
        self, target: Buffer, *, offset: int = 0, target_offset: int = 0, size: int | None = None
    ) -> None:
        length = self.size - offset if size is None else size
        ticket = _core.buffer_copy_async(self._handle, offset, target._handle, target_offset, length)
        await _waiting.wait_async(ticket, _waiting.nothing, (self._hold, target._hold))

    def _array(self) -> _core.Array:
        handle = self._handle
        if not self.is_host:
            raise ExogpuError("unsupported", "the buffer is not in the host's memory; copy it with download()")
        return _core.buffer_array(handle, self._hold)

    def view(self) -> memoryview:
        """Its bytes without a copy. Errors: unsupported (the device has memory of its own)."""
        return memoryview(self._array())

    def __buffer__(self, flags: int) -> memoryview:
        return self.view()

    def __dlpack__(self, **options: Any) -> object:
        return self._array().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array().__dlpack_device__()

    @property
    def __array_interface__(self) -> dict[str, Any]:
        view = self.view()
        interface: dict[str, Any] = {"version": 3, "shape": (self.size,), "typestr": "|u1", "data": view}
        return interface

    def __repr__(self) -> str:
        return f"<exogpu.Buffer of {self.size} bytes on {self.device.id}>"


def best_device(candidates: Sequence[Device] | None = None) -> Device:
    """The first of them, or of this machine."""
    return (candidates or devices())[0]
