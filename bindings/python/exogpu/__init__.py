"""Devices of this machine, models, clusters and nodes. docs/developer-guide.md shows how to use them."""

from . import _core
from ._clusters import Cluster, Node, join
from ._devices import Buffer, Context, Device, MemoryInfo, Readings, best_device, default_context, devices
from ._errors import ExogpuError
from ._models import Generation, Message, Model, Stats

__version__ = _core.version()

__all__ = [
    "Buffer",
    "Cluster",
    "Context",
    "Device",
    "ExogpuError",
    "Generation",
    "MemoryInfo",
    "Message",
    "Model",
    "Node",
    "Readings",
    "Stats",
    "best_device",
    "default_context",
    "devices",
    "join",
]
