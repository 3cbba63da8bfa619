#include "api/metrics/metrics_text.h"

#include "api/metrics/families.h"
#include "wire/version.h"

namespace exogpu::api {

std::string metrics_text(const MetricsInput& input) {
  PrometheusText out;
  out.begin("exogpu_build_info", "gauge", "The program's version.");
  const std::string version = wire::own_versions().program;
  out.add(1, {{"version", version}});
  add_machine_and_devices(out, input.telemetry);
  add_cluster(out, input);
  add_models(out, input);
  add_requests(out, input.node);
  add_process(out);
  return out.text();
}

}  // namespace exogpu::api
