// The devices of this node that are the first members of groups with devices of other nodes: "cpu+laptop/cpu".
//
// While all nodes of a group are there, the group is offered in the place of the own device; else the device alone.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "cluster/detector.h"
#include "engine/shard_group.h"
#include "gpu/device.h"
#include "net/group/mesh.h"
#include "security/tls.h"
#include "wire/device_profile.h"
#include "wire/group_start.h"

namespace exogpu::node {

// The own devices that ids name, without the other nodes' ("cpu" of "cpu+laptop/cpu"). Errors: invalid_argument (a
// group with other nodes begins with one own device, and has no second one).
Result<std::vector<std::string>> own_parts(std::span<const std::string> ids);

struct RemoteGroupsHost {
  // The node of this name or id, if there is a channel to it.
  std::function<std::optional<wire::Member>(std::string_view name)> find_connected;
  std::function<void(std::move_only_function<void()>)> post;           // to the node's thread
  std::function<void(std::move_only_function<void()>)> in_background;  // on another thread
  std::function<void()> on_change;                                     // of offered()
  std::function<void(const std::string&)> note;
};

class RemoteGroups {
 public:
  // `ids`: as the user named the devices; those without other nodes are none of its business. `own`: this node. What
  // it refers to must outlive it.
  RemoteGroups(const gpu::Machine& machine, const security::TlsContext& tls, std::span<const std::string> ids,
               wire::Member own, RemoteGroupsHost host);

  // On the node's thread. tick(): prepares groups whose nodes have come; to be called about twice a second.
  void tick(cluster::Time now, std::span<const wire::DeviceProfile> own);
  void on_down(wire::NodeId node);
  // Everything that is in progress ends.
  void stop() EXO_EXCLUDES(mutex_);
  // The own devices, with groups in the place of those that are in one.
  std::vector<wire::DeviceProfile> offered(std::vector<wire::DeviceProfile> own) const;

  // Any thread: whether a device of the plan is such a group, and loading a part of it, which blocks. A group that
  // fails to load is not offered for a while. Errors: those of start_group() and engine::load_member(), of this node
  // and of the others; unavailable (a node of the group is gone).
  static bool names(std::string_view device) { return device.contains('/'); }
  Result<engine::ShardGroup> load(const model::Gguf& file, const std::string& device, wire::MemberLoad part,
                                  const engine::ShardOptions& options, const engine::Progress& progress,
                                  const std::stop_token& stop) EXO_EXCLUDES(mutex_);

 private:
  struct Other {
    std::string node, device;
  };
  struct Prepared {
    std::vector<wire::Member> members;  // by rank
    std::vector<double> shares;
    wire::DeviceProfile profile;
  };
  struct Group {
    std::string id, device;
    std::vector<Other> others;
    std::shared_ptr<const Prepared> ready{};  // null: not offered
    bool preparing = false;
    uint32_t failed = 0;  // attempts to load since one succeeded
    std::string failure{};
    cluster::Time again_at{};
  };

  std::vector<wire::Member> nodes_of(const Group& group) const;
  Result<Prepared> prepare(const Group& group, std::vector<wire::Member> members, const wire::DeviceProfile& own);
  void prepared(const std::string& id, Result<Prepared> how) EXO_EXCLUDES(mutex_);
  Result<engine::ShardGroup> load_with(const Group& group, const model::Gguf& file, wire::MemberLoad part,
                                       const engine::ShardOptions& options, const engine::Progress& progress,
                                       const std::stop_token& stop);
  void loaded(const std::string& id, bool well) EXO_EXCLUDES(mutex_);
  Result<std::shared_ptr<net::Mesh>> connect(const Group& group, std::vector<wire::Member> members,
                                             std::optional<wire::MemberLoad> load) EXO_EXCLUDES(mutex_);

  const gpu::Machine& machine_;
  const security::TlsContext& tls_;
  wire::Member own_;
  RemoteGroupsHost host_;
  mutable Mutex mutex_;
  std::vector<Group> groups_ EXO_GUARDED_BY(mutex_);
  struct Running {
    std::vector<wire::Member> members;
    std::weak_ptr<net::Mesh> mesh;
  };
  std::vector<Running> running_ EXO_GUARDED_BY(mutex_);
  bool stopped_ EXO_GUARDED_BY(mutex_) = false;
};

}  // namespace exogpu::node
