// {"nodes": [{"name": TEXT, "devices": [DEVICE, ...]}, ...], "links": [LINK, ...]}, or {"devices": [DEVICE, ...]}.
// DEVICE may have "rules": {"heat": "it is critically hot"}, why it is not to be used, by the names of constraints.
// DEVICE and its profile have the keys that `exogpu devices --json --profile` prints; other keys are ignored.
#include "cli/plan/cluster_file.h"

#include <cmath>
#include <format>
#include <map>
#include <nlohmann/json.hpp>

#include "node/device_profiles.h"

namespace exogpu::cli {
namespace {

using ClusterJson = nlohmann::json;

constexpr size_t kNodesMax = 10'000;

// An object of the file with its path, for messages: "nodes[0].devices[1]".
struct FileValue {
  const ClusterJson& json;
  std::string where;

  Result<const ClusterJson*> child(const char* key) const {
    if (!json.is_object()) return fail(ErrorCode::corrupt, "{} is not an object", where);
    auto found = json.find(key);
    if (found == json.end()) return fail(ErrorCode::corrupt, "{} has no \"{}\"", where, key);
    return &*found;
  }
  Result<std::string> text(const char* key) const {
    EXO_TRY(const ClusterJson* value, child(key));
    if (!value->is_string() || value->get_ref<const std::string&>().empty())
      return fail(ErrorCode::corrupt, "{}: \"{}\" is not a string", where, key);
    return value->get<std::string>();
  }
  Result<double> number(const char* key, bool zero = false) const {
    EXO_TRY(const ClusterJson* value, child(key));
    if (!value->is_number()) return fail(ErrorCode::corrupt, "{}: \"{}\" is not a number", where, key);
    const auto number = value->get<double>();
    if (!std::isfinite(number) || number < 0 || (number == 0 && !zero))
      return fail(ErrorCode::corrupt, "{}: \"{}\" is {}; it must be {}", where, key, number,
                  zero ? "0 or more" : "above 0");
    return number;
  }
  Result<FileValue> object(const char* key) const {
    EXO_TRY(const ClusterJson* value, child(key));
    if (!value->is_object()) return fail(ErrorCode::corrupt, "{}: \"{}\" is not an object", where, key);
    return FileValue{*value, where + "." + key};
  }
  Result<std::vector<FileValue>> list(const char* key) const {
    EXO_TRY(const ClusterJson* value, child(key));
    if (!value->is_array()) return fail(ErrorCode::corrupt, "{}: \"{}\" is not an array", where, key);
    std::vector<FileValue> values;
    for (size_t i = 0; i < value->size(); ++i) values.push_back({(*value)[i], std::format("{}.{}[{}]", where, key, i)});
    return values;
  }
};

Result<gpu::Profile> read_profile(const FileValue& value) {
  gpu::Profile profile;
  EXO_TRY(profile.bandwidth_bytes_per_s, value.number("bandwidth_bytes_per_s"));
  EXO_TRY(profile.host_to_device_bytes_per_s, value.number("host_to_device_bytes_per_s"));
  EXO_TRY(profile.device_to_host_bytes_per_s, value.number("device_to_host_bytes_per_s"));
  EXO_TRY(profile.graph_overhead_s, value.number("graph_overhead_s", true));
  EXO_TRY(const std::vector<FileValue> products, value.list("products"));
  for (const FileValue& each : products) {
    gpu::ProductRates rates;
    EXO_TRY(rates.type, each.text("type"));
    EXO_TRY(rates.matvec_bytes_per_s, each.number("matvec_bytes_per_s"));
    if (each.json.contains("matmul_flops_per_s") && !each.json["matmul_flops_per_s"].is_null()) {
      EXO_TRY(rates.matmul_flops_per_s, each.number("matmul_flops_per_s"));
    }
    profile.products.push_back(std::move(rates));
  }
  return profile;
}

Result<std::vector<wire::TypeLimit>> read_limits(const FileValue& value) {
  std::vector<wire::TypeLimit> limits;
  EXO_TRY(const std::vector<FileValue> each, value.list("limits"));
  for (const FileValue& entry : each) {
    wire::TypeLimit limit;
    EXO_TRY(limit.type, entry.text("type"));
    EXO_TRY(limit.use, entry.text("use"));
    if (entry.json.contains("held_as") && !entry.json["held_as"].is_null()) {
      EXO_TRY(limit.held_as, entry.text("held_as"));
      EXO_TRY(limit.growth, entry.number("growth"));
    }
    limits.push_back(std::move(limit));
  }
  return limits;
}

Result<gpu::DeviceKind> read_kind(const FileValue& value) {
  EXO_TRY(const std::string kind, value.text("kind"));
  for (gpu::DeviceKind each : {gpu::DeviceKind::discrete, gpu::DeviceKind::integrated, gpu::DeviceKind::cpu})
    if (kind == gpu::to_string(each)) return each;
  return fail(ErrorCode::corrupt, "{}: \"{}\" is not a kind of device; write discrete, integrated or cpu", value.where,
              kind);
}

Result<wire::DeviceProfile> read_device(const FileValue& value) {
  gpu::DeviceInfo info;
  EXO_TRY(info.id, value.text("id"));
  EXO_TRY(info.name, value.text("name"));
  EXO_TRY(info.kind, read_kind(value));
  info.software = value.json.contains("software") && value.json["software"] == ClusterJson(true);
  EXO_TRY(const double memory_free, value.number("memory_free_bytes", true));
  if (memory_free > 0x1p48)
    return fail(ErrorCode::corrupt, "{}: \"memory_free_bytes\" is {}", value.where, memory_free);
  if (value.json.contains("profile") && value.json["profile"].is_object() && value.json["profile"].contains("error"))
    return fail(ErrorCode::corrupt, "{}: the device could not be measured; leave it out", value.where);
  if (!value.json.contains("profile"))
    return fail(ErrorCode::corrupt, "{} has no \"profile\"; `exogpu devices --json --profile` prints it", value.where);
  EXO_TRY(const FileValue profile_value, value.object("profile"));
  EXO_TRY(const gpu::Profile profile, read_profile(profile_value));
  wire::DeviceProfile device = node::device_profile(info, static_cast<Bytes>(memory_free), profile);
  if (device.rates.empty())
    return fail(ErrorCode::corrupt, "{}: no product has a known type, such as q4_K", profile_value.where);
  if (value.json.contains("limits")) {
    EXO_TRY(device.limits, read_limits(value));
  }
  return device;
}

// Nodes of a file have no keys; only their ids matter.
wire::NodeId node_id(size_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> bytes{};
  for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<uint8_t>((number + 1) >> (8 * (3 - i)));
  return wire::NodeId(bytes);
}

Result<void> read_rules(const FileValue& value, const wire::DeviceRef& device, DescribedCluster& cluster) {
  if (!value.json.contains("rules")) return {};
  EXO_TRY(const FileValue rules, value.object("rules"));
  for (const auto& [name, reason] : rules.json.items()) {
    const auto rule = placement::rule_of(name);
    if (!rule)
      return fail(ErrorCode::corrupt,
                  "{}: \"{}\" is no rule of a device; there are access, failed, precision, power, battery and heat",
                  rules.where, name);
    EXO_TRY(std::string text, rules.text(name.c_str()));
    cluster.rules.push_back({.device = device, .rule = *rule, .reason = std::move(text)});
  }
  return {};
}

Result<void> read_node(const FileValue& value, wire::NodeId id, const std::string& name, DescribedCluster& cluster) {
  EXO_TRY(const std::vector<FileValue> devices, value.list("devices"));
  for (const FileValue& each : devices) {
    EXO_TRY(wire::DeviceProfile device, read_device(each));
    device.id.node = id;
    device.node_name = name;
    EXO_CHECK(read_rules(each, device.id, cluster));
    cluster.view.devices.push_back(std::move(device));
  }
  return {};
}

using NodeIds = std::map<std::string, wire::NodeId>;

Result<wire::NodeId> known_node(const NodeIds& ids, const FileValue& value, const std::string& name) {
  auto found = ids.find(name);
  if (found == ids.end()) return fail(ErrorCode::corrupt, "{}: the file has no node \"{}\"", value.where, name);
  return found->second;
}

// {"from": A, "to": B, ...} for one direction, {"between": [A, B], ...} for both.
Result<void> read_link(const FileValue& value, const NodeIds& ids, wire::ClusterView& view) {
  if (!value.json.is_object()) return fail(ErrorCode::corrupt, "{} is not an object", value.where);
  wire::LinkProfile link;
  EXO_TRY(link.delay_s, value.number("delay_s", true));
  EXO_TRY(link.bytes_per_s, value.number("bytes_per_s"));
  const bool both = value.json.contains("between");
  if (both) {
    const ClusterJson& ends = value.json["between"];
    if (!ends.is_array() || ends.size() != 2 || !ends[0].is_string() || !ends[1].is_string())
      return fail(ErrorCode::corrupt, "{}: \"between\" must list the names of two nodes", value.where);
    EXO_TRY(link.from, known_node(ids, value, ends[0].get<std::string>()));
    EXO_TRY(link.to, known_node(ids, value, ends[1].get<std::string>()));
  } else {
    EXO_TRY(const std::string from, value.text("from"));
    EXO_TRY(const std::string to, value.text("to"));
    EXO_TRY(link.from, known_node(ids, value, from));
    EXO_TRY(link.to, known_node(ids, value, to));
  }
  view.links.push_back(link);
  if (!both) return {};
  std::swap(link.from, link.to);
  view.links.push_back(link);
  return {};
}

Result<DescribedCluster> read_cluster(const FileValue& top) {
  DescribedCluster cluster;
  if (!top.json.is_object()) return fail(ErrorCode::corrupt, "the content is not a JSON object");
  if (!top.json.contains("nodes")) {
    EXO_CHECK(read_node(top, node_id(0), "", cluster));
    return cluster;
  }
  NodeIds ids;
  EXO_TRY(const std::vector<FileValue> nodes, top.list("nodes"));
  if (nodes.size() > kNodesMax) return fail(ErrorCode::corrupt, "more than {} nodes", kNodesMax);
  for (const FileValue& value : nodes) {
    EXO_TRY(const std::string name, value.text("name"));
    const wire::NodeId id = node_id(ids.size());
    if (!ids.emplace(name, id).second)
      return fail(ErrorCode::corrupt, "{}: the file has two nodes \"{}\"", value.where, name);
    EXO_CHECK(read_node(value, id, name, cluster));
  }
  if (!top.json.contains("links")) return cluster;
  EXO_TRY(const std::vector<FileValue> links, top.list("links"));
  for (const FileValue& value : links) EXO_CHECK(read_link(value, ids, cluster.view));
  return cluster;
}

}  // namespace

Result<DescribedCluster> parse_cluster(std::string_view text, const std::string& name) {
  const ClusterJson json = ClusterJson::parse(text, nullptr, false);
  if (json.is_discarded()) return fail(ErrorCode::corrupt, "{}: the content is not JSON", name);
  auto cluster = read_cluster({json, name});
  if (!cluster && !cluster.error().message.starts_with(name))
    cluster.error().message = name + ": " + cluster.error().message;
  return cluster;
}

}  // namespace exogpu::cli
