#include "api/cluster_events.h"

#include <format>
#include <utility>

#include "api/cluster_json.h"

namespace exogpu::api {
namespace {

using Json = nlohmann::ordered_json;

std::string event(std::string_view name, uint64_t version, const Json& data) {
  return std::format("event: {}\nid: {}\ndata: {}\n\n", name, version,
                     data.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

std::string ClusterEvents::next(const node::ClusterSnapshot& cluster) {
  if (!sent_.is_null() && cluster.version == version_) return {};
  Json now = cluster_object(cluster);
  version_ = cluster.version;
  if (sent_.is_null()) {
    sent_ = std::move(now);
    return event("snapshot", version_, sent_);
  }
  const Json changes = Json::diff(sent_, now);
  sent_ = std::move(now);
  return changes.empty() ? std::string() : event("change", version_, changes);
}

}  // namespace exogpu::api
