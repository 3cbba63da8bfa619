// What a node has before it does anything: its identity, its devices, its model file, and its folders.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gpu/device.h"
#include "model/gguf.h"
#include "net/tcp/join.h"
#include "node/device_group.h"
#include "node/node.h"
#include "node/own_devices.h"
#include "node/removals.h"
#include "node/roles.h"
#include "security/files.h"
#include "security/identity.h"
#include "weights/cache.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

struct NodeResources {
  std::string name_option;          // --name; empty: none was given
  wire::OwnerLimits limit_options;  // as the options have them
  security::Identity identity;
  security::TlsContext tls;
  gpu::Machine machine;
  std::vector<wire::DeviceProfile> devices;   // of this node
  GroupShares group_shares;                   // of those that are groups
  DeviceMemory device_memory;                 // without limits
  std::shared_ptr<const model::Gguf> file;    // that it was given; null: none
  std::optional<security::FileLock> only;     // prevents a second node in the state folder
  std::optional<security::FileLock> running;  // shows `exogpu pair` and `approve` that a node runs
  std::unique_ptr<net::JoinServer> join;
  std::optional<wire::ServedModel> offered_model;  // that the cluster is asked to serve; without its content id
  uint64_t term_counter = 0;                       // the highest that this node has begun
  std::shared_ptr<weights::WeightCache> cache;
  std::unique_ptr<AccessKeys> access_keys;
  std::unique_ptr<Audit> audit;
  std::unique_ptr<Removals> removals;
  std::unique_ptr<Roles> roles;
  uint64_t incarnation = 0;  // of this start
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

// Puts the name and the limits that the node has into `options`. Blocks for as long as it takes to join a cluster and
// to measure the devices. Errors: those of Node::start().
Result<NodeResources> prepare(NodeOptions& options);

}  // namespace exogpu::node
