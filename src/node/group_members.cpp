#include "node/group_members.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <format>
#include <utility>

#include "base/log.h"
#include "engine/exchange_cost.h"
#include "engine/shard_group.h"
#include "node/role_gate.h"
#include "pipeline/group_exchange.h"
#include "pipeline/remote_members.h"
#include "wire/group.h"

namespace exogpu::node {
namespace {

constexpr size_t kSessionsMax = 256;                     // members, and connections that are to be one
constexpr std::chrono::milliseconds kLookAfterFile{50};  // whether the session has ended while a file is fetched

// What comes of a fetch, also after the session that waits has ended.
struct FileAnswer {
  Mutex mutex;
  CondVar arrived;
  std::optional<Result<SharedGguf>> file EXO_GUARDED_BY(mutex);
};

Result<void> reply(net::Mesh& mesh, const Result<void>& result) {
  wire::MemberReply message;
  if (!result) message.failure = result.error();
  return mesh.send_message(0, wire::encode(message));
}

}  // namespace

// A connection that was taken, and the member that it may start.
struct GroupMembers::Session {
  explicit Session(std::unique_ptr<net::MemberLink> from) : peer(from->peer()), first(std::move(from)) {}

  // Any thread.
  void interrupt(const Error& why) {
    stop.request_stop();
    const MutexLock lock(mutex);
    if (mesh) mesh->interrupt(why);
  }
  std::shared_ptr<net::Mesh> joined() {
    const MutexLock lock(mutex);
    return mesh;
  }
  void set_mesh(std::shared_ptr<net::Mesh> made) {
    const MutexLock lock(mutex);
    mesh = std::move(made);
    if (stop.stop_requested()) mesh->interrupt({ErrorCode::cancelled, "the group has ended"});
  }

  wire::NodeId peer;
  std::unique_ptr<net::MemberLink> first;
  std::stop_source stop;
  std::atomic<bool> ended = false;
  Mutex mutex;
  std::shared_ptr<net::Mesh> mesh EXO_GUARDED_BY(mutex);
  std::jthread thread;  // last: it uses all of the above
};

GroupMembers::GroupMembers(const gpu::Machine& machine, const security::TlsContext& tls, GroupMembersOptions options,
                           GroupMembersHost host)
    : machine_(machine), tls_(tls), options_(std::move(options)), host_(std::move(host)) {}

GroupMembers::~GroupMembers() {
  waiting_.stop();
  for (Session& session : sessions_) session.interrupt({ErrorCode::cancelled, "the node is stopping"});
}

void GroupMembers::take(net::TlsStream stream, wire::NodeId peer) {
  std::erase_if(sessions_, [](const Session& session) { return session.ended.load(); });
  if (sessions_.size() >= kSessionsMax) return host_.note("too many connections of members of groups at once");
  auto link = net::MemberLink::adopt(std::move(stream), peer);
  if (!link) return host_.note(link.error().message);
  Session& session = sessions_.emplace_back(*std::move(link));
  session.thread = std::jthread([this, &session] { serve(session); });
}

void GroupMembers::on_down(wire::NodeId node, const Error& why) {
  for (Session& session : sessions_)
    if (session.peer == node || node == options_.node.self.node) session.interrupt(why);
}

void GroupMembers::serve(Session& session) {
  if (const auto done = greet(session); !done && !session.stop.stop_requested())
    host_.note(std::format("as the member of a group: {}", done.error().message));
  session.ended = true;
}

Result<void> GroupMembers::greet(Session& session) {
  EXO_TRY(const auto bytes, session.first->receive_message(wire::kControlBytesMax, kMeetMax));
  EXO_TRY(const wire::MemberHello hello, wire::decode<wire::MemberHello>(bytes));
  const auto permitted = check_roles(session.peer, hello);
  if (const auto* meet = std::get_if<wire::MemberMeet>(&hello)) {
    EXO_CHECK(permitted);
    waiting_.add(meet->group, meet->rank, std::move(session.first));
    return {};
  }
  if (!permitted) return refuse(session, permitted.error());
  return join(session, std::get<wire::MemberStart>(hello));
}

Result<void> GroupMembers::check_roles(wire::NodeId peer, const wire::MemberHello& hello) const {
  const auto of = host_.role_of(peer), own = host_.role_of(options_.node.self.node);
  const std::string_view role = of ? to_string(*of) : "node without a role";
  if (!permits(of, hello)) {
    host_.on_refused(peer, std::format("member of a group: not for a {}", role));
    return fail(ErrorCode::permission_denied, "a {} has no others compute for it; have an owner run `exogpu role`",
                role);
  }
  if (own && may_compute(*own)) return {};
  return fail(ErrorCode::permission_denied, "node {} is a guest, whose devices compute for nobody",
              options_.node.self.name);
}

Result<void> GroupMembers::join(Session& session, const wire::MemberStart& start) {
  const auto device = machine_.find(start.device);
  if (!options_.allowed || !device) {
    const Error why = device ? Error{ErrorCode::failed_precondition,
                                     std::format("node {} gives its devices to plans; start it with --only-groups",
                                                 options_.node.self.name)}
                             : device.error();
    return refuse(session, why);
  }
  EXO_TRY(auto mesh, join_group(tls_, start, std::move(session.first), waiting_));
  session.set_mesh(std::move(mesh));
  return start.load ? be_member(session, **device, start) : be_tried(session, **device);
}

Result<void> GroupMembers::refuse(Session& session, const Error& why) {
  return session.first->send_message(wire::encode(wire::MemberReply{.failure = why}), kMeetMax);
}

Result<void> GroupMembers::be_tried(Session& session, const gpu::Device& device) {
  const std::shared_ptr<net::Mesh> mesh = session.joined();
  EXO_CHECK(reply(*mesh, {}));
  EXO_CHECK(mesh->send_message(0, wire::encode(wire::MemberDevices{.node = options_.node})));
  pipeline::GroupExchange exchange(mesh, wire::Dtype::f32, std::vector<uint32_t>());
  EXO_CHECK(engine::measure_exchange(device, exchange));
  return {};
}

// Tries again while something else of the model is fetched.
Result<SharedGguf> GroupMembers::file_for(Session& session, const wire::MemberLoad& load) {
  while (true) {
    auto file = fetch(session, load);
    if (file || file.error().code != ErrorCode::failed_precondition) return file;
    std::this_thread::sleep_for(kLookAfterFile);
  }
}

Result<SharedGguf> GroupMembers::fetch(Session& session, const wire::MemberLoad& load) {
  const auto answer = std::make_shared<FileAnswer>();
  host_.fetch(load, [answer](Result<SharedGguf> file) {
    const MutexLock lock(answer->mutex);
    if (!answer->file) answer->file = std::move(file);
    answer->arrived.notify_all();
  });
  MutexLock lock(answer->mutex);
  while (!answer->file && !session.stop.stop_requested()) answer->arrived.wait_for(lock, kLookAfterFile);
  if (!answer->file) return fail(ErrorCode::cancelled, "the group has ended");
  return *std::move(answer->file);
}

Result<void> GroupMembers::be_member(Session& session, const gpu::Device& device, const wire::MemberStart& start) {
  const wire::MemberLoad& load = *start.load;
  const std::shared_ptr<net::Mesh> mesh = session.joined();
  const auto loaded = [&]() -> Result<std::pair<SharedGguf, engine::Shard>> {
    EXO_TRY(SharedGguf file, file_for(session, load));
    EXO_TRY(const engine::Architecture architecture, engine::read_architecture(*file));
    const engine::LoneMember member{.device = &device,
                                    .shares = load.shares,
                                    .rank = start.rank,
                                    .exchange = [&](std::span<const engine::MemberCut> cuts) {
                                      return std::make_shared<pipeline::GroupExchange>(mesh, load.settings.activations,
                                                                                       cuts);
                                    }};
    const auto options = engine::ShardOptions::serving(load.settings, architecture, options_.threads);
    EXO_TRY(engine::Shard shard,
            engine::load_member(*file, load.layers, member, options, {}, session.stop.get_token()));
    return std::pair(std::move(file), std::move(shard));
  };
  auto ready = loaded();
  EXO_CHECK(reply(*mesh, ready ? Result<void>() : std::unexpected(ready.error())));
  if (!ready) return std::unexpected(ready.error());
  log::info("node", "{} is member {} of a group of {} for layers {} to {}", device.info().id, start.rank,
            start.members.size(), load.layers.begin, load.layers.end - 1);
  const Error ended = pipeline::follow(*mesh, ready->second);
  log::info("node", "{} is the member of a group no longer: {}", device.info().id, ended.message);
  return {};
}

}  // namespace exogpu::node
