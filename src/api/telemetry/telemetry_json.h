// Telemetry and alerts as JSON: GET /v1/telemetry, /v1/alerts. docs/telemetry.md describes every field.
#pragma once

#include <string>
#include <vector>

#include "telemetry/snapshot.h"
#include "wire/telemetry.h"

namespace exogpu::api {

// Objects. Invalid UTF-8 is replaced character by character.
std::string telemetry_json(const telemetry::TelemetrySnapshot& snapshot, double memory_bytes = 0);
std::string alerts_json(const std::vector<wire::Alert>& alerts);

}  // namespace exogpu::api
