"""Messages of telemetry, and the suitability of devices."""

import dataclasses
import json

import pytest

import exogpu
from exogpu.telemetry import (
    DeviceCapabilities,
    DeviceRegistration,
    DeviceScorer,
    DeviceType,
    GPUMetrics,
    Heartbeat,
    TelemetryMessage,
    TelemetryProtocol,
)

GIB = 1 << 30
METRICS = GPUMetrics("cuda0", 1.5, 2 * GIB, 8 * GIB, 50.0, 12.25, 65.0, None)
CAPABILITIES = DeviceCapabilities("cuda0", DeviceType.CUDA, "A GPU", "NVIDIA", 128, 160.0, 8 * GIB, "1.2", False, True)


@pytest.mark.parametrize(
    "payload",
    [
        METRICS,
        Heartbeat("cuda0", METRICS, error_message="Grüße"),
        DeviceRegistration("desk", 7766, "cuda0", CAPABILITIES),
    ],
)
def test_messages_come_back_as_they_were(payload):
    message = TelemetryMessage(payload)
    text = TelemetryProtocol.serialize(message)
    assert TelemetryProtocol.deserialize(text) == message
    value = json.loads(text)
    assert value["version"] == "1.0"
    assert value["payload"] == payload.to_dict()
    assert type(payload).from_json(payload.to_json()) == payload


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"memory_used_bytes": -1}, "memory_used_bytes is -1"),
        ({"memory_used_bytes": "1"}, "memory_used_bytes is '1'"),
        ({"memory_used_bytes": True}, "memory_used_bytes is True"),
        ({"temperature_celsius": float("inf")}, "temperature_celsius is inf"),
        ({"colour": 1}, "has no field colour"),
    ],
)
def test_a_wrong_field_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        GPUMetrics.from_dict({**METRICS.to_dict(), **change})


def test_what_is_no_message_is_refused():
    text = TelemetryProtocol.serialize(TelemetryMessage(METRICS))
    for wrong in ("[]", "{}", text.replace('"1.0"', '"2.0"'), text.replace('"metrics"', '"gossip"'), "nothing"):
        with pytest.raises(ValueError, match=r"version|type|Expecting"):
            TelemetryProtocol.deserialize(wrong)
    lacking = {name: value for name, value in METRICS.to_dict().items() if name != "device_id"}
    with pytest.raises(ValueError, match="lacks device_id"):
        GPUMetrics.from_dict(lacking)


def test_the_core_scores():
    assert DeviceScorer.score_device(METRICS, CAPABILITIES) == pytest.approx(0.6 * 0.75 + 0.4 * 0.5)
    hot = dataclasses.replace(METRICS, temperature_celsius=84.0)
    assert DeviceScorer.score_device(hot) == pytest.approx(0.6 * 0.75 + 0.4 * 0.5 - 0.2)
    unknown = dataclasses.replace(METRICS, compute_utilization_percent=None, temperature_celsius=None)
    assert DeviceScorer.score_device(unknown) == pytest.approx(0.6 * 0.75 + 0.4)
    assert DeviceScorer.score_device(dataclasses.replace(METRICS, memory_total_bytes=0)) == 0
    devices = {"hot": (hot, CAPABILITIES), "cool": (METRICS, CAPABILITIES), "also": (METRICS, None)}
    assert [name for name, _ in DeviceScorer.rank_devices(devices)] == ["also", "cool", "hot"]
    assert DeviceScorer.find_best_device(devices) == "also"
    assert DeviceScorer.find_best_device(devices, 7 * GIB) is None


def test_this_machine_is_measured():
    with exogpu.Context(cpu_only=True) as context:
        device = context.device("cpu")
        metrics, capabilities = GPUMetrics.of(device), DeviceCapabilities.of(device)
        assert 0 < metrics.memory_used_bytes < metrics.memory_total_bytes
        assert capabilities.device_type is DeviceType.CPU
        assert capabilities.max_memory_bytes > 0
        assert 0 <= DeviceScorer.score_device(metrics, capabilities) <= 1
        message = TelemetryMessage(DeviceRegistration("here", 1, device.id, capabilities))
        assert TelemetryProtocol.deserialize(TelemetryProtocol.serialize(message)) == message
