// The groups of families of /metrics.
#pragma once

#include "api/metrics/metrics_text.h"
#include "api/metrics/prometheus_text.h"

namespace exogpu::api {

// Models, links and alerts beyond these have no series.
inline constexpr size_t kSeriesMax = 256;

void add_machine_and_devices(PrometheusText& out, const telemetry::TelemetrySnapshot& telemetry);
void add_cluster(PrometheusText& out, const MetricsInput& input);
void add_models(PrometheusText& out, const MetricsInput& input);
void add_requests(PrometheusText& out, const node::NodeMetrics& node);
void add_process(PrometheusText& out);

}  // namespace exogpu::api
