#include "node/node_resources.h"

#include <algorithm>
#include <format>
#include <random>

#include "model/library.h"
#include "node/join_by_token.h"
#include "node/library/own_library.h"
#include "node/nearby.h"
#include "node/own_settings.h"
#include "node/remote_groups.h"
#include "node/served_model.h"
#include "node/term_file.h"
#include "placement/by_name.h"
#include "security/identity_store.h"
#include "security/token_store.h"

namespace exogpu::node {
namespace {

using security::Identity;
using security::IdentityStore;

security::WallTime wall_now() { return std::chrono::system_clock::now(); }

// Whether there is something to serve without other nodes.
bool has_models(const NodeOptions& options) {
  if (!options.model.empty()) return true;
  if (options.models.empty()) return false;
  const auto entries = model::Library(options.models).list();
  return entries && std::ranges::any_of(*entries, &model::LibraryEntry::complete);
}

Result<Identity> identity_of(const NodeOptions& options) {
  const IdentityStore store = options.identity_store();
  if (options.connect.empty() && has_models(options)) return store.load_or_found(wall_now());
  EXO_TRY(std::optional<Identity> known, store.load());
  if (!options.token) {
    if (known) return *std::move(known);
    if (options.connect.empty()) {
      const auto found = discover_nodes(std::chrono::seconds(2), [](const auto& nodes) { return !nodes.empty(); });
      return fail(ErrorCode::failed_precondition,
                  "this node belongs to no cluster yet: give the model to serve, put models into the models folder "
                  "(`exogpu pull`), or give the cluster to join. To join, run "
                  "`exogpu join` here and `exogpu approve CODE` on a device of the cluster. {}",
                  !found           ? found.error().message
                  : found->empty() ? "No node is seen on this network"
                                   : "Seen on this network: " + names_of(*found));
    }
    return fail(
        ErrorCode::failed_precondition,
        "this node belongs to no cluster yet; join with --join HOST:PORT --token TOKEN, where `exogpu token` on "
        "a node of the cluster gives the token");
  }
  if (known && known->cluster() == options.token->cluster) return *std::move(known);
  EXO_TRY(security::Membership joined, join_by_token(options.connect, *options.token, options.on_note));
  EXO_CHECK(store.adopt(joined, true));
  return std::move(joined.identity);
}

}  // namespace

IdentityStore NodeOptions::identity_store() const { return IdentityStore(state, key_passphrase); }

ServeSettings NodeOptions::serve_settings(const std::string& of) const {
  const auto own = model_settings.find(of);
  if (own != model_settings.end()) return own->second;
  return {.serving = serving,
          .layers = {},
          .without = without,
          .devices_min = devices_min,
          .pinned = false,
          .keep_loaded_s = static_cast<uint32_t>(keep_loaded.count())};
}

Result<NodeResources> prepare(NodeOptions& options) {
  std::string name_option = options.name;
  EXO_TRY(options.name, own_name(options.state, name_option));
  const wire::OwnerLimits limit_options = options.limits;
  EXO_TRY(options.limits, own_limits(options.state, limit_options));
  if (!options.layers.empty()) EXO_CHECK(placement::check_layers(options.layers));
  if (options.connect.empty() && !has_models(options) && !options.discover) {
    return fail(ErrorCode::invalid_argument,
                "give the model to serve, or the cluster to join (--join HOST:PORT --token TOKEN)");
  }
  std::shared_ptr<const model::Gguf> file;
  if (!options.model.empty()) {
    EXO_TRY(model::Gguf opened, model::Gguf::open(options.model));
    file = std::make_shared<const model::Gguf>(std::move(opened));
  }
  EXO_TRY(Identity identity, identity_of(options));
  EXO_TRY(auto only, security::FileLock::try_take(options.state / "serve.lock"));
  if (!only) {
    return fail(
        ErrorCode::failed_precondition,
        "{}: another exogpu process runs a node with this state folder; end it, or give this one a folder of its "
        "own with --state DIR",
        options.state.string());
  }
  auto renewed = options.identity_store().renew_by_itself(identity, wall_now());
  if (!renewed && options.on_note) options.on_note(renewed.error().message);
  if (renewed && *renewed) identity = **std::move(renewed);
  EXO_TRY(security::TlsContext tls, security::TlsContext::for_node(identity));
  EXO_TRY(const std::vector<std::string> ids, own_parts(options.devices));
  EXO_TRY(gpu::Machine machine, gpu::Machine::discover(discovery_for(ids, options.layouts)));
  EXO_TRY(OwnDevices own, own_devices(machine, ids,
                                      {.threads = options.threads,
                                       .memory_max = options.limits.memory_max,
                                       .streamed = options.streams ? file.get() : nullptr}));
  for (wire::DeviceProfile& profile : own.profiles) {
    profile.id.node = identity.node();
    profile.node_name = options.name;
  }
  EXO_TRY(auto running, security::FileLock::share(options.state / "node.lock"));
  std::random_device entropy;
  NodeResources resources{.name_option = std::move(name_option),
                          .limit_options = limit_options,
                          .identity = std::move(identity),
                          .tls = std::move(tls),
                          .machine = std::move(machine),
                          .devices = std::move(own.profiles),
                          .group_shares = std::move(own.shares),
                          .device_memory = std::move(own.memory),
                          .file = std::move(file),
                          .only = std::move(only),
                          .running = std::move(running),
                          .join = nullptr,
                          .offered_model = {},
                          .cache = nullptr,
                          .access_keys = nullptr,
                          .audit = nullptr,
                          .removals = nullptr,
                          .roles = nullptr,
                          .incarnation = std::uniform_int_distribution<uint64_t>()(entropy)};
  if (resources.file) {
    ServeSettings settings = options.serve_settings(model_name_of(resources.file->path()));
    settings.layers = options.layers;
    settings.pinned = true;  // a user named it
    EXO_TRY(resources.offered_model,
            served_model(*resources.file, resources.machine.devices(), settings, options.on_note));
  }
  EXO_TRY(resources.term_counter, read_term_counter(options.state));
  EXO_TRY(resources.cache, weights::WeightCache::open({.folder = options.cache / "weights"}));
  EXO_TRY(resources.access_keys, AccessKeys::open(options.state, resources.identity.cluster()));
  EXO_TRY(security::Certificate authority_certificate,
          security::Certificate::from_der(resources.identity.authority().to_der(), "the authority's certificate"));
  EXO_TRY(security::Certificate authority_copy,
          security::Certificate::from_der(resources.identity.authority().to_der(), "the authority's certificate"));
  EXO_TRY(resources.removals, Removals::open(options.state, std::move(authority_certificate)));
  EXO_TRY(resources.roles, Roles::open(options.identity_store().roles_file(), std::move(authority_copy)));
  EXO_CHECK(resources.removals->check(resources.identity.node()));
  EXO_TRY(resources.audit, Audit::open(options.state, resources.identity, {}, options.on_audit));
  return resources;
}

}  // namespace exogpu::node
