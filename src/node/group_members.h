// The members that this node is for groups of other nodes.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "gpu/device.h"
#include "model/gguf.h"
#include "net/tcp/tls_stream.h"
#include "node/group_mesh.h"
#include "security/tls.h"
#include "wire/group_start.h"
#include "wire/role.h"

namespace exogpu::node {

using SharedGguf = std::shared_ptr<const model::Gguf>;

struct GroupMembersOptions {
  bool allowed = false;  // else other nodes are refused: this node's devices are for plans
  uint32_t threads = 0;  // of a member on the CPU; 0: as many as this process may well use
  wire::NodeInfo node;   // with the devices that may be members
};

struct GroupMembersHost {
  // Gets a file with the tensors of a member's layers; any thread. `done` is called once, on any thread, or never where
  // the node stops.
  std::function<void(const wire::MemberLoad&, std::function<void(Result<SharedGguf>)> done)> fetch;
  std::function<void(const std::string&)> note;
  // What a node of the cluster may do; any thread. Empty: not known.
  std::function<std::optional<wire::Role>(wire::NodeId)> role_of;
  // A connection was refused for the role of the node that began it; any thread.
  std::function<void(wire::NodeId, const std::string& what)> on_refused;
};

// take() and on_down() on the node's thread. Each member has a thread, for as long as its connections last.
class GroupMembers {
 public:
  // What it refers to must outlive it.
  GroupMembers(const gpu::Machine& machine, const security::TlsContext& tls, GroupMembersOptions options,
               GroupMembersHost host);
  ~GroupMembers();
  GroupMembers(const GroupMembers&) = delete;
  GroupMembers& operator=(const GroupMembers&) = delete;

  // A connection as the member of a group. Refusals are answered.
  void take(net::TlsStream stream, wire::NodeId peer);
  // The channel to this node is lost, or it may not have groups any more: the members of its groups end.
  void on_down(wire::NodeId node, const Error& why);

 private:
  struct Session;
  void serve(Session& session);
  Result<void> greet(Session& session);
  Result<void> check_roles(wire::NodeId peer, const wire::MemberHello& hello) const;
  static Result<void> refuse(Session& session, const Error& why);
  Result<void> join(Session& session, const wire::MemberStart& start);
  Result<void> be_tried(Session& session, const gpu::Device& device);
  Result<void> be_member(Session& session, const gpu::Device& device, const wire::MemberStart& start);
  Result<SharedGguf> file_for(Session& session, const wire::MemberLoad& load);
  Result<SharedGguf> fetch(Session& session, const wire::MemberLoad& load);

  const gpu::Machine& machine_;
  const security::TlsContext& tls_;
  GroupMembersOptions options_;
  GroupMembersHost host_;
  WaitingLinks waiting_;
  std::list<Session> sessions_;
};

}  // namespace exogpu::node
