// exogpu_node_*: this process as a node of a cluster.
#include <algorithm>
#include <chrono>

#include "api/cluster_json.h"
#include "base/host_port.h"
#include "capi/context.h"
#include "capi/deadline.h"
#include "capi/error.h"
#include "capi/model_object.h"
#include "capi/node_model.h"
#include "capi/node_object.h"
#include "capi/structs.h"
#include "node/join_by_code.h"
#include "security/files.h"
#include "security/identity_store.h"
#include "security/pairing/store.h"
#include "security/token_store.h"

namespace exogpu::capi {
namespace {

constexpr uint16_t kNodePort = 7766;
// So long one look at the snapshot waits at most: the node may end meanwhile.
constexpr std::chrono::milliseconds kLook{200};

Result<uint64_t> wait_for_change(RunningNode& running, uint64_t version, int64_t timeout_ms) {
  const auto until = deadline(timeout_ms);
  while (true) {
    auto wait = kLook;
    if (until) wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()));
    const auto snapshot = running.node().wait_for_cluster(version, std::max(wait, std::chrono::milliseconds(0)));
    if (snapshot->version > version) return snapshot->version;
    if (running.ending().stop_requested()) return fail(ErrorCode::cancelled, "the node ends");
    if (until && Clock::now() >= *until) {
      return fail(ErrorCode::deadline_exceeded, "the cluster has not changed within {} ms", timeout_ms);
    }
  }
}

Result<void> end_node(const std::shared_ptr<NodeObject>& node) {
  node->cancel();
  node->shut_down();
  return {};
}

Result<void> leave_cluster(const std::shared_ptr<NodeObject>& node) {
  if (const auto running = node->running()) {
    // Without a leader nobody plans, and the others see soon enough that it is gone.
    (void)(*running)->node().drain((*running)->node().name(), true);
  }
  EXO_CHECK(end_node(node));
  return security::IdentityStore(node->state()).retire();
}

Result<std::string> new_token(const NodeObject& node, uint32_t uses, uint32_t lifetime_s) {
  const auto now = std::chrono::system_clock::now();
  const security::IdentityStore identity(node.state());
  EXO_TRY(const security::Identity self, identity.load_or_found(now));
  EXO_CHECK(identity.authority());
  EXO_TRY(const security::JoinToken token,
          security::TokenStore(node.state())
              .issue(self.cluster(), {.lifetime = std::chrono::seconds(lifetime_s), .uses = uses}, now));
  return token.text();
}

Result<security::PairingStore> pairing_store(exogpu_node handle) {
  EXO_TRY(const auto node, handles().find<NodeObject>(handle.id));
  EXO_TRY(const auto running, node->running());
  EXO_CHECK(security::IdentityStore(node->state()).authority());
  return security::PairingStore(node->state());
}

Result<void> join(const char* state, const char* code, const char* address) {
  EXO_CHECK(need(state, "state"));
  EXO_CHECK(need(code, "code"));
  EXO_TRY(const security::PairingCode parsed, security::PairingCode::parse(code));
  node::JoinByCode options{.state = std::filesystem::absolute(state)};
  if (security::FileLock::held(options.state / "node.lock")) {
    return fail(ErrorCode::failed_precondition, "{}: a node runs with this state; stop it first",
                options.state.string());
  }
  if (address != nullptr) {
    EXO_TRY(const HostPort at, parse_host_port(address, kNodePort, "address"));
    options.at = node::Address{.host = at.host, .port = at.port};
  }
  EXO_TRY(const std::string admitted_by, node::join_by_code(parsed, options));
  return {};
}

}  // namespace
}  // namespace exogpu::capi

using namespace exogpu;
using namespace exogpu::capi;

extern "C" {

exogpu_code exogpu_node_start(exogpu_context context, const exogpu_node_options* options, exogpu_node* node) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(node, "node"));
    EXO_TRY(const auto object, handles().find<ContextObject>(context.id));
    EXO_TRY(const auto read, read_struct(options, exogpu_node_options{}, "exogpu_node_options"));
    EXO_TRY(const auto started, start_node(read));
    EXO_TRY(node->id, handles().add(context_of(context.id), started));
    return {};
  });
}

exogpu_code exogpu_node_stop(exogpu_node node) {
  return call([&]() -> Result<void> {
    EXO_CHECK(refuse_in_callback("exogpu_node_stop"));
    EXO_TRY(const auto object, handles().take<NodeObject>(node.id));
    return end_node(object);
  });
}

exogpu_code exogpu_node_leave(exogpu_node node) {
  return call([&]() -> Result<void> {
    EXO_CHECK(refuse_in_callback("exogpu_node_leave"));
    EXO_TRY(const auto object, handles().take<NodeObject>(node.id));
    return leave_cluster(object);
  });
}

exogpu_code exogpu_node_ports(exogpu_node node, uint16_t* link, uint16_t* api) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<NodeObject>(node.id));
    EXO_TRY(const auto running, object->running());
    if (link != nullptr) *link = running->node().port();
    if (api != nullptr) *api = running->api_port();
    return {};
  });
}

exogpu_code exogpu_node_json(exogpu_node node, char** json) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(json, "json"));
    EXO_TRY(const auto object, handles().find<NodeObject>(node.id));
    EXO_TRY(const auto running, object->running());
    EXO_TRY(*json, text_for_caller(api::cluster_json(*running->node().cluster())));
    return {};
  });
}

exogpu_code exogpu_node_wait(exogpu_node node, uint64_t version, int64_t timeout_ms, uint64_t* newer) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(newer, "newer"));
    EXO_CHECK(refuse_in_callback("exogpu_node_wait"));
    EXO_TRY(const auto object, handles().find<NodeObject>(node.id));
    EXO_TRY(const auto running, object->running());
    EXO_TRY(*newer, wait_for_change(*running, version, timeout_ms));
    return {};
  });
}

exogpu_code exogpu_node_model(exogpu_node node, const char* name, exogpu_model* model) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(name, "name"));
    EXO_CHECK(need(model, "model"));
    EXO_TRY(const auto object, handles().find<NodeObject>(node.id));
    auto made = std::make_shared<ModelObject>(std::make_shared<NodeModel>(object, name));
    EXO_TRY(model->id, handles().add(context_of(node.id), std::move(made)));
    return {};
  });
}

exogpu_code exogpu_node_token(exogpu_node node, uint32_t uses, uint32_t lifetime_s, char** token) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(token, "token"));
    EXO_TRY(const auto object, handles().find<NodeObject>(node.id));
    EXO_TRY(const std::string text, new_token(*object, uses, lifetime_s));
    EXO_TRY(*token, text_for_caller(text));
    return {};
  });
}

exogpu_code exogpu_node_pair(exogpu_node node, char** code) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(code, "code"));
    EXO_TRY(const security::PairingStore store, pairing_store(node));
    EXO_TRY(const security::PairingCode shown, store.show(std::chrono::system_clock::now()));
    EXO_TRY(*code, text_for_caller(shown.digits()));
    return {};
  });
}

exogpu_code exogpu_node_approve(exogpu_node node, const char* code) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(code, "code"));
    EXO_TRY(const security::PairingCode typed, security::PairingCode::parse(code));
    EXO_TRY(const security::PairingStore store, pairing_store(node));
    return store.approve(typed, std::chrono::system_clock::now());
  });
}

exogpu_code exogpu_node_add_peer(exogpu_node node, const char* address) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(address, "address"));
    EXO_TRY(const auto object, handles().find<NodeObject>(node.id));
    EXO_TRY(const HostPort at, parse_host_port(address, kNodePort, "address"));
    EXO_TRY(const auto running, object->running());
    running->node().add_peer({.host = at.host, .port = at.port});
    return {};
  });
}

exogpu_code exogpu_node_report_sensors(exogpu_node node, const exogpu_sensor_input* input) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<NodeObject>(node.id));
    EXO_TRY(const auto read, read_struct(input, exogpu_sensor_input{}, "exogpu_sensor_input"));
    if (read.charge < 0 || read.charge > 1) {
      return fail(ErrorCode::invalid_argument, "exogpu_sensor_input: charge is {}, and between 0 and 1, or NaN",
                  read.charge);
    }
    object->readings().set(read);
    return {};
  });
}

exogpu_code exogpu_join(const char* state, const char* code, const char* address) {
  return call([&] { return join(state, code, address); });
}
}
