"""Clusters, and this process as a node of one."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any

from . import _core, _waiting
from ._devices import Context, default_context
from ._errors import ExogpuError
from ._models import Model

Path = str | os.PathLike[str]


class Cluster:
    """The models of other machines, by the API of one of their nodes: "HOST[:PORT]"."""

    def __init__(self, address: str, *, key: str | None = None, context: Context | None = None) -> None:
        self._context = context or default_context()
        self._handle = _core.cluster_open(self._context._handle, address, key)

    def close(self) -> None:
        handle, self._handle = self._handle, 0
        if handle:
            _core.cluster_close(handle)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def models(self) -> list[str]:
        """The names of its models."""
        return [str(model["id"]) for model in json.loads(_core.cluster_models(self._handle))["data"]]

    def snapshot(self) -> dict[str, Any]:
        """What GET /v1/cluster answers."""
        snapshot: dict[str, Any] = json.loads(_core.cluster_json(self._handle))
        return snapshot

    def model(self, name: str) -> Model:
        return Model(self._context, _core.cluster_model(self._handle, name))


class Node:
    """This process as a node of a cluster. Stops at the end of a `with` block."""

    def __init__(
        self,
        state: Path,
        cache: Path,
        *,
        model: Path | None = None,
        models: Path | None = None,
        name: str | None = None,
        listen: str | None = None,
        advertise: str | None = None,
        api: str | None = None,
        api_key: str | None = None,
        connect: Sequence[str] = (),
        token: str | None = None,
        devices: Sequence[str] = (),
        discover: bool = False,
        threads: int = 0,
        context_tokens: int = 0,
        memory_bytes_max: int = 0,
        context: Context | None = None,
    ) -> None:
        """Starts it, and returns when it listens; with a token, when it has joined."""
        settings = _core.NodeSettings()
        settings.state, settings.cache = os.fspath(state), os.fspath(cache)
        settings.model = None if model is None else os.fspath(model)
        settings.models = None if models is None else os.fspath(models)
        settings.name, settings.listen, settings.advertise = name, listen, advertise
        settings.api, settings.api_key, settings.token = api, api_key, token
        settings.connect, settings.devices = list(connect), list(devices)
        settings.discover, settings.threads, settings.context_tokens = discover, threads, context_tokens
        settings.memory_bytes_max = memory_bytes_max
        self._context = context or default_context()
        self._handle = _core.node_start(self._context._handle, settings)

    def stop(self) -> None:
        """Ends the node; its identity remains. Again: nothing."""
        handle, self._handle = self._handle, 0
        if handle:
            _core.node_stop(handle)

    def leave(self) -> None:
        """Ends the node for good: the next start founds or joins another cluster."""
        handle, self._handle = self._handle, 0
        _core.node_leave(handle)

    def __enter__(self) -> Node:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """Where other nodes connect."""
        return _core.node_ports(self._handle)[0]

    @property
    def api_port(self) -> int:
        """Where clients connect; 0: it has no API."""
        return _core.node_ports(self._handle)[1]

    def snapshot(self) -> dict[str, Any]:
        """The cluster as the node knows it: what GET /v1/cluster answers."""
        snapshot: dict[str, Any] = json.loads(_core.node_json(self._handle))
        return snapshot

    def wait(self, version: int = 0, timeout: float | None = None) -> int | None:
        """The version of the next snapshot after `version`; None: not within `timeout` seconds."""
        left_ms = math.inf if timeout is None else timeout * 1000
        while left_ms >= 0:
            piece = min(left_ms, _waiting.PIECE_MS)
            newer = _core.node_wait(self._handle, version, int(piece))
            if newer is not None:
                return newer
            left_ms -= max(piece, 1)
        return None

    async def snapshots(self) -> AsyncIterator[dict[str, Any]]:
        """Each snapshot that is new, until the node stops."""
        version = 0
        while self._handle:
            try:
                newer = await asyncio.to_thread(_core.node_wait, self._handle, version, _waiting.PIECE_MS)
            except ExogpuError as error:
                if error.code in ("cancelled", "invalid_argument", "failed_precondition"):
                    return
                raise
            if newer is not None:
                version = newer
                yield self.snapshot()

    def model(self, name: str) -> Model:
        """A model that the cluster serves, or loads when it is asked for."""
        return Model(self._context, _core.node_model(self._handle, name))

    def token(self, uses: int = 1, lifetime_s: int = 3600) -> str:
        """With which so many devices may join."""
        return _core.node_token(self._handle, uses, lifetime_s)

    def pair(self) -> str:
        """A code of six digits with which one device may join within two minutes."""
        return _core.node_pair(self._handle)

    def approve(self, code: str) -> None:
        """Lets the device in that shows this code."""
        _core.node_approve(self._handle, code)

    def add_peer(self, address: str) -> None:
        """Connects to a node that was found by other means: "HOST:PORT"."""
        _core.node_add_peer(self._handle, address)

    def report_sensors(
        self,
        *,
        charge: float | None = None,
        on_battery: bool | None = None,
        throttled: bool | None = None,
        temperature_c: float | None = None,
        temperature_limit_c: float | None = None,
    ) -> None:
        """Readings that the library cannot get itself; they replace its own until the next call."""
        _core.node_report_sensors(
            self._handle,
            math.nan if charge is None else charge,
            -1 if on_battery is None else int(on_battery),
            -1 if throttled is None else int(throttled),
            math.nan if temperature_c is None else temperature_c,
            math.nan if temperature_limit_c is None else temperature_limit_c,
        )


def join(state: Path, code: str, address: str | None = None) -> None:
    """Makes `state` that of a member of a cluster, by the code that a device of it shows."""
    _core.join(os.fspath(state), code, address)
