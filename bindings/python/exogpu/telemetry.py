"""Telemetry of devices as messages between programs, and how suitable devices are for more work.

Messages are JSON objects {"type", "version", "timestamp", "payload"}: `device_registration` once for each device, and
then `heartbeat` or `metrics`. Amounts have their unit in their name; a value that nothing measures is None. The numbers
come from the core: its sensors, and its rule of suitability. A cluster of nodes has telemetry of its own
(`GET /v1/telemetry`), for which no program needs this module.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, ClassVar, Final, Self

from . import _core
from ._devices import Device

VERSION: Final = "1.0"


class DeviceType(Enum):
    """What computes on a device."""

    CUDA = "cuda"
    ROCM = "rocm"
    METAL = "metal"
    VULKAN_ANDROID = "vulkan_android"
    VULKAN_LINUX = "vulkan_linux"
    INTEL_XE = "intel_xe"
    DIRECTML = "directml"
    CPU = "cpu"

    @classmethod
    def of_backend(cls, backend: str) -> DeviceType:
        """By the name of the core's backend. Raises ValueError for one that has no type here."""
        known = {"vulkan": cls.VULKAN_LINUX, "hip": cls.ROCM, "sycl": cls.INTEL_XE}
        name = backend.lower()
        return known[name] if name in known else cls(name)


def _as(kind: type | tuple[type, ...], value: Any, name: str, optional: bool = False) -> Any:
    """Checks a value of a message. Raises ValueError, naming the field."""
    if optional and value is None:
        return None
    kinds = kind if isinstance(kind, tuple) else (kind,)
    wrong = not isinstance(value, kind) or (isinstance(value, bool) and bool not in kinds)
    if wrong or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{name} is {value!r}")
    return value


@dataclass(frozen=True)
class _Part:
    """A part of a message: an object with the fields of the class, checked when it is read."""

    _readers: ClassVar[dict[str, Callable[[Any, str], Any]]] = {}

    def to_dict(self) -> dict[str, Any]:
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, value: object) -> Self:
        """Raises ValueError, naming the field that is missing, unknown or wrong."""
        if not isinstance(value, dict):
            raise ValueError(f"{cls.__name__} is {value!r}")
        names = {each.name for each in fields(cls)}
        for name in names.symmetric_difference(value):
            raise ValueError(f"{cls.__name__} {'lacks' if name in names else 'has no field'} {name}")
        return cls(**{name: cls._readers[name](value[name], f"{cls.__name__}.{name}") for name in names})

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls.from_dict(json.loads(text))


def _plain(value: Any) -> Any:
    if isinstance(value, _Part):
        return value.to_dict()
    return value.value if isinstance(value, Enum) else value


def _text(value: Any, name: str) -> Any:
    return _as(str, value, name)


def _optional_text(value: Any, name: str) -> Any:
    return _as(str, value, name, optional=True)


def _truth(value: Any, name: str) -> Any:
    return _as(bool, value, name)


def _whole(value: Any, name: str) -> Any:
    if _as(int, value, name) < 0:
        raise ValueError(f"{name} is {value!r}")
    return value


def _number(value: Any, name: str) -> Any:
    return _as((int, float), value, name)


def _optional_number(value: Any, name: str) -> Any:
    return _as((int, float), value, name, optional=True)


@dataclass(frozen=True)
class GPUMetrics(_Part):
    """What a device does at one time."""

    device_id: str
    timestamp: float  # seconds since 1970
    memory_used_bytes: int
    memory_total_bytes: int
    compute_utilization_percent: float | None
    power_watts: float | None
    temperature_celsius: float | None
    clock_rate_mhz: float | None

    _readers = {
        "device_id": _text,
        "timestamp": _number,
        "memory_used_bytes": _whole,
        "memory_total_bytes": _whole,
        "compute_utilization_percent": _optional_number,
        "power_watts": _optional_number,
        "temperature_celsius": _optional_number,
        "clock_rate_mhz": _optional_number,
    }

    @classmethod
    def of(cls, device: Device) -> Self:
        """Measured now; the load is that since the one before, and None the first time. May take milliseconds."""
        readings, memory = device.sensors(), device.memory()
        used = readings.memory_used_bytes
        return cls(
            device_id=device.id,
            timestamp=time.time(),
            memory_used_bytes=memory.total_bytes - memory.free_bytes if used is None else used,
            memory_total_bytes=memory.total_bytes,
            compute_utilization_percent=None if readings.utilization is None else 100 * readings.utilization,
            power_watts=readings.power_w,
            temperature_celsius=readings.temperature_c,
            clock_rate_mhz=None,
        )


@dataclass(frozen=True)
class DeviceCapabilities(_Part):
    """What a device is."""

    device_id: str
    device_type: DeviceType
    device_name: str
    vendor: str
    compute_units: int
    memory_bandwidth_gbps: float | None
    max_memory_bytes: int
    driver_version: str
    supports_fp64: bool | None = None
    supports_tensor_cores: bool | None = None

    _readers = {
        "device_id": _text,
        "device_type": lambda value, _: DeviceType(value),
        "device_name": _text,
        "vendor": _text,
        "compute_units": _whole,
        "memory_bandwidth_gbps": _optional_number,
        "max_memory_bytes": _whole,
        "driver_version": _text,
        "supports_fp64": lambda value, name: _as(bool, value, name, optional=True),
        "supports_tensor_cores": lambda value, name: _as(bool, value, name, optional=True),
    }

    @classmethod
    def of(cls, device: Device) -> Self:
        info = device.info
        matrix_cores = info.get("precisions", {}).get("matrix_cores")
        return cls(
            device_id=info["id"],
            device_type=DeviceType.of_backend(info["backend"]),
            device_name=info["name"],
            vendor=info.get("vendor") or "",
            compute_units=info.get("compute_units") or 0,
            memory_bandwidth_gbps=None,
            max_memory_bytes=info["memory_bytes"],
            driver_version=info.get("driver") or "",
            supports_tensor_cores=matrix_cores if isinstance(matrix_cores, bool) else None,
        )


@dataclass(frozen=True)
class DeviceRegistration(_Part):
    """A device that a program offers at an address."""

    hostname: str
    port: int
    device_id: str
    capabilities: DeviceCapabilities
    timestamp: float = field(default_factory=time.time)

    _readers = {
        "hostname": _text,
        "port": _whole,
        "device_id": _text,
        "capabilities": lambda value, _: DeviceCapabilities.from_dict(value),
        "timestamp": _number,
    }


@dataclass(frozen=True)
class Heartbeat(_Part):
    """How a device does, and whether it may be used."""

    device_id: str
    metrics: GPUMetrics
    timestamp: float = field(default_factory=time.time)
    is_available: bool = True
    error_message: str | None = None

    _readers = {
        "device_id": _text,
        "metrics": lambda value, _: GPUMetrics.from_dict(value),
        "timestamp": _number,
        "is_available": _truth,
        "error_message": _optional_text,
    }


Payload = DeviceRegistration | Heartbeat | GPUMetrics


@dataclass(frozen=True)
class TelemetryMessage:
    """A payload with its type, and when it was sent."""

    payload: Payload
    timestamp: float = field(default_factory=time.time)


class TelemetryProtocol:
    """Messages as texts, and back."""

    TYPES: ClassVar[dict[str, type[Payload]]] = {
        "device_registration": DeviceRegistration,
        "heartbeat": Heartbeat,
        "metrics": GPUMetrics,
    }

    @classmethod
    def serialize(cls, message: TelemetryMessage) -> str:
        name = next(name for name, kind in cls.TYPES.items() if isinstance(message.payload, kind))
        return json.dumps(
            {"type": name, "version": VERSION, "timestamp": message.timestamp, "payload": message.payload.to_dict()}
        )

    @classmethod
    def deserialize(cls, text: str) -> TelemetryMessage:
        """Raises ValueError for what is no message of this version, naming what is wrong."""
        value = json.loads(text)
        if not isinstance(value, dict) or value.get("version") != VERSION:
            raise ValueError(f"no message of version {VERSION}")
        kind = cls.TYPES.get(str(value.get("type")))
        if kind is None:
            raise ValueError(f"a message of the type {value.get('type')!r}; there are {', '.join(cls.TYPES)}")
        return TelemetryMessage(kind.from_dict(value.get("payload")), _number(value.get("timestamp"), "timestamp"))


class DeviceScorer:
    """Suitability for more work, from 0 to 1: the core's own rule, as nodes and `exogpu top` have it."""

    @staticmethod
    def score_device(metrics: GPUMetrics, capabilities: DeviceCapabilities | None = None) -> float:
        """0 for a device without memory. The capabilities have its memory where the metrics have not."""
        total = metrics.memory_total_bytes or (capabilities.max_memory_bytes if capabilities else 0)
        if total == 0:
            return 0.0
        load, heat = metrics.compute_utilization_percent, metrics.temperature_celsius
        return _core.device_suitability(
            math.nan if load is None else load / 100,
            math.nan if heat is None else heat,
            metrics.memory_used_bytes,
            total,
        )

    @classmethod
    def rank_devices(
        cls, devices: Mapping[str, tuple[GPUMetrics, DeviceCapabilities | None]]
    ) -> list[tuple[str, float]]:
        """The most suitable first; ties by id."""
        scored = [(name, cls.score_device(*both)) for name, both in devices.items()]
        return sorted(scored, key=lambda each: (-each[1], each[0]))

    @classmethod
    def find_best_device(
        cls, devices: Mapping[str, tuple[GPUMetrics, DeviceCapabilities | None]], min_memory_bytes: int = 0
    ) -> str | None:
        """The most suitable of those with so much memory free; None: there is none."""
        for name, score in cls.rank_devices(devices):
            metrics = devices[name][0]
            if score > 0 and metrics.memory_total_bytes - metrics.memory_used_bytes >= min_memory_bytes:
                return name
        return None


__all__ = [
    "DeviceCapabilities",
    "DeviceRegistration",
    "DeviceScorer",
    "DeviceType",
    "GPUMetrics",
    "Heartbeat",
    "Payload",
    "TelemetryMessage",
    "TelemetryProtocol",
]
