#include "capi/node_object.h"

#include <cmath>
#include <utility>

#include "base/host_port.h"
#include "base/log.h"
#include "capi/error.h"
#include "capi/structs.h"
#include "security/join_token.h"

namespace exogpu::capi {
namespace {

constexpr uint16_t kLinkPort = 7766;
constexpr uint16_t kClientsPort = 8080;

Result<node::Address> address_of(const char* text, const char* field) {
  EXO_CHECK(need(text, field));
  EXO_TRY(const HostPort at, parse_host_port(text, kLinkPort, field));
  return node::Address{.host = at.host, .port = at.port};
}

Result<void> read_lists(const exogpu_node_options& from, node::NodeOptions& options) {
  if (from.connect_count > 0) EXO_CHECK(need(from.connect, "connect"));
  for (size_t i = 0; i < from.connect_count; ++i) {
    EXO_TRY(const node::Address at, address_of(from.connect[i], "connect"));
    options.connect.push_back(at);
  }
  if (from.device_count > 0) EXO_CHECK(need(from.devices, "devices"));
  for (size_t i = 0; i < from.device_count; ++i) {
    EXO_CHECK(need(from.devices[i], "one of `devices`"));
    options.devices.emplace_back(from.devices[i]);
  }
  return {};
}

Result<node::NodeOptions> node_options(const exogpu_node_options& from,
                                       const std::shared_ptr<OutsideReadings>& readings) {
  EXO_CHECK(need(from.state, "state"));
  EXO_CHECK(need(from.cache, "cache"));
  node::NodeOptions options;
  options.state = std::filesystem::absolute(from.state);
  options.cache = std::filesystem::absolute(from.cache);
  options.models = or_empty(from.models);
  options.model = or_empty(from.model);
  options.name = or_empty(from.name);
  EXO_TRY(options.listen, address_of(from.listen == nullptr ? ":7766" : from.listen, "listen"));
  if (from.advertise != nullptr) {
    EXO_TRY(options.advertise, address_of(from.advertise, "advertise"));
  }
  EXO_CHECK(read_lists(from, options));
  if (from.token != nullptr) {
    if (options.connect.empty()) {
      return fail(ErrorCode::invalid_argument, "a token also needs a node of the cluster: name one in `connect`");
    }
    EXO_TRY(options.token, security::JoinToken::parse(from.token));
  }
  options.discover = from.discover != 0;
  options.threads = from.threads;
  options.serving.sequences = 0;
  options.serving.context = from.context_tokens;
  if (from.memory_bytes_max > 0) options.limits.memory_max = from.memory_bytes_max;
  options.adjust_readings = [readings](cluster::SensorReadings& own) { readings->apply(own); };
  options.on_note = [](const std::string& text) { log::warning("node", "{}", text); };
  options.on_fatal = [](const Error& why) { log::error("node", "{}", why.message); };
  return options;
}

Result<std::unique_ptr<api::Server>> start_api(const exogpu_node_options& from, node::Node& node) {
  if (from.api == nullptr) return nullptr;
  EXO_TRY(const HostPort at, parse_host_port(from.api, kClientsPort, "api"));
  api::ServerOptions options;
  options.address = at.host.empty() ? "::" : at.host;
  options.port = at.port;
  if (from.api_key != nullptr) options.api_keys.emplace_back(from.api_key);
  EXO_TRY(api::Server started, api::Server::start(options, node));
  auto server = std::make_unique<api::Server>(std::move(started));
  node.set_api(options.address == "::" || options.address == "0.0.0.0" ? "" : options.address, server->port());
  return server;
}

}  // namespace

void OutsideReadings::set(const exogpu_sensor_input& input) {
  const MutexLock lock(mutex_);
  given_ = true;
  input_ = input;
}

void OutsideReadings::apply(cluster::SensorReadings& readings) const {
  const MutexLock lock(mutex_);
  if (!given_) return;
  if (!std::isnan(input_.charge)) readings.charge = input_.charge;
  if (input_.on_battery >= 0) readings.on_battery = input_.on_battery != 0;
  for (cluster::DeviceReadings& device : readings.devices) {
    if (input_.throttled >= 0) device.throttled = input_.throttled != 0;
    if (!std::isnan(input_.temperature_c)) device.temperature_c = input_.temperature_c;
    if (!std::isnan(input_.temperature_limit_c)) device.limit_c = input_.temperature_limit_c;
  }
}

RunningNode::~RunningNode() {
  if (server_) server_->shutdown(std::chrono::milliseconds(0));
  server_.reset();
  node_.reset();
  end_.set_value();
}

Result<std::shared_ptr<RunningNode>> NodeObject::running() const {
  const MutexLock lock(mutex_);
  if (running_) return running_;
  return fail(ErrorCode::failed_precondition, "the node of {} has ended", state_.string());
}

void NodeObject::cancel() {
  const MutexLock lock(mutex_);
  if (running_) running_->end();
}

void NodeObject::shut_down() {
  std::shared_ptr<RunningNode> ending;
  {
    const MutexLock lock(mutex_);
    ending = std::exchange(running_, nullptr);
  }
  if (!ending) return;
  const std::shared_future<void> ended = ending->ended();
  ending->end();
  ending.reset();
  ended.wait();  // for calls that still use it
}

Result<std::shared_ptr<NodeObject>> start_node(const exogpu_node_options& options) {
  auto readings = std::make_shared<OutsideReadings>();
  EXO_TRY(node::NodeOptions settings, node_options(options, readings));
  std::filesystem::path state = settings.state;
  EXO_TRY(auto node, node::Node::start(std::move(settings)));
  EXO_TRY(auto server, start_api(options, *node));
  return std::make_shared<NodeObject>(std::move(state), std::move(readings),
                                      std::make_shared<RunningNode>(std::move(node), std::move(server)));
}

}  // namespace exogpu::capi
