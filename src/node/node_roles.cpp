// The roles of nodes: what is obeyed of whom, how newcomers and changes get their records, and who has the authority's
// key.
#include <format>

#include "base/log.h"
#include "node/join_refusals.h"
#include "node/node_impl.h"
#include "node/role_gate.h"
#include "security/identity_store.h"
#include "security/token_store.h"

namespace exogpu::node {
namespace {

// Anybody can have refusals written, so these are counted: an entry of each would push older ones off the disk.
void write_admission(Audit& audit, JoinRefusals& refusals, const net::Admission& admission) {
  const std::string who = admission.by_code ? "a pairing code" : "a join token";
  if (!admission.outcome) {
    if (const auto line = refusals.note(admission, std::chrono::steady_clock::now())) log::warning("node", "{}", *line);
    return audit.count_refusal(who, admission.from, std::format("join: {}", admission.outcome.error().message));
  }
  audit.record({.who = who,
                .from = admission.from,
                .action = "join",
                .what = std::format("node {} {}", admission.outcome->short_text(), admission.name),
                .result = "ok"});
}

}  // namespace

// The authority's key is looked for when somebody asks: this node may have become an owner, or be none any more.
void Node::Impl::make_joining() {
  const auto authority = [store = options_.identity_store()]() -> Result<std::shared_ptr<const security::Authority>> {
    EXO_TRY(security::Authority found, store.authority());
    return std::make_shared<const security::Authority>(std::move(found));
  };
  resources_.join = std::make_unique<net::JoinServer>(
      security::JoinResponder(
          resources_.identity.cluster(), authority, security::TokenStore(options_.state),
          [this](wire::NodeId newcomer, std::optional<wire::Role> asked) { return enrol(newcomer, asked); }),
      security::PairingStore(options_.state),
      [this, refusals = std::make_shared<JoinRefusals>()](const net::Admission& admission) {
        write_admission(audit(), *refusals, admission);
      });
}

void Node::Impl::register_role_handlers() {
  dispatch_.on<wire::Roles>([this](wire::NodeId, const wire::Roles& theirs) {
    const auto news = roles().merge(theirs);
    if (!news.empty()) peers_->broadcast(wire::Roles{.list = news});
    for (const wire::RoleRecord& record : news) on_role(record);
  });
  dispatch_.on<wire::AuthorityKey>([this](wire::NodeId from, const wire::AuthorityKey& message) {
    if (roles().of(from) != wire::Role::owner || !roles().in_use()) return;
    if (const auto done = exchange_authority(from, message); !done) note(done.error().message);
  });
}

// The key travels from one owner to another alone, and over their link, which is encrypted.
Result<void> Node::Impl::exchange_authority(wire::NodeId owner, const wire::AuthorityKey& message) {
  const security::IdentityStore store = options_.identity_store();
  const auto authority = store.authority();
  if (message.key.empty()) {
    if (authority) (void)peers_->send_message(owner, wire::AuthorityKey{.key = authority->key().to_der()});
    return {};
  }
  if (authority || role() != wire::Role::owner) return {};
  EXO_TRY(const auto key, security::PrivateKey::from_der(message.key, "the authority's key"));
  EXO_CHECK(store.keep_authority(key));
  log::info("node", "this device can let others in now: node {} has sent the authority's key", peers_->name_of(owner));
  on_own_role();
  return {};
}

// After other nodes have heard of removals and roles.
void Node::Impl::ask_for_authority(wire::NodeId peer) {
  if (!roles().in_use() || role() != wire::Role::owner || roles().of(peer) != wire::Role::owner) return;
  if (!options_.identity_store().authority()) (void)peers_->send_message(peer, wire::AuthorityKey{});
}

void Node::Impl::on_role(const wire::RoleRecord& record) {
  const std::string name = record.node == self() ? name_ : peers_->name_of(record.node);
  audit().record({.who = peers_->name_of(record.by),
                  .from = {},
                  .action = "node.role",
                  .what = std::format("node {} {} is {} now", record.node.short_text(), name, to_string(record.role)),
                  .result = "ok"});
  log::info("node", "node {} is {} now, says {}", name, to_string(record.role), peers_->name_of(record.by));
  end_groups_of(record);
  if (record.node == self()) on_own_role();
  const auto known = agent_->state().nodes.find(record.node);
  if (is_trusted(record.role) && known != agent_->state().nodes.end() && known->second.online) {
    agent_->change([&](cluster::Agent& agent, cluster::Time now) { agent.repeat_access_keys(now); });
  }
  status_->set_changed();
}

// Those that the node may not have any more. Of this node itself: all.
void Node::Impl::end_groups_of(const wire::RoleRecord& record) {
  const Error why{ErrorCode::permission_denied, std::format("a member is {} now", to_string(record.role))};
  const bool own = record.node == self();
  if (own ? !may_compute(record.role) : !is_trusted(record.role)) group_members_->on_down(record.node, why);
  if (own ? !is_trusted(record.role) : !may_compute(record.role)) remote_groups_->on_down(record.node);
}

bool Node::Impl::may_group_with(wire::NodeId other) const {
  const auto of = roles().of(other);
  return is_trusted(role()) && of && may_compute(*of);
}

void Node::Impl::on_own_role() {
  const security::IdentityStore store = options_.identity_store();
  const bool owner = role() == wire::Role::owner;
  if (!owner) {
    if (const auto forgotten = store.forget_authority(); !forgotten) note(forgotten.error().message);
  } else {
    for (const wire::NodeId peer : peers_->connected_nodes()) ask_for_authority(peer);
  }
  if (local_network_) local_network_->set_lets_in(owner && store.authority().has_value());
  if (!is_trusted(role())) resources_.access_keys->forget_all();
  agent_->change([this](cluster::Agent& agent, cluster::Time now) {
    agent.set_facts(facts(), now);
    agent.set_library(own_library(), now);
    if (!is_trusted(role())) agent.set_access_keys({}, now);
  });
}

std::vector<wire::LibraryModel> Node::Impl::own_library() const {
  return may_compute(role()) ? library_->facts() : std::vector<wire::LibraryModel>();
}

bool Node::Impl::obeys(wire::NodeId peer, const wire::FrameHeader& header, std::span<const std::byte> payload) {
  const auto* control = std::get_if<wire::Control>(&header.of);
  if (expired_.contains(peer)) return control && control->type == wire::ControlType::certificate_request;
  if (!roles().in_use()) return true;
  const auto of = roles().of(peer);
  if (permits(of, header, payload)) return true;
  const std::string what = control ? std::format("message {}", std::to_underlying(control->type)) : "frame of bytes";
  if (!of) return false;  // a newcomer whose record is on its way
  audit().count_refusal(peers_->name_of(peer), {}, std::format("{}: not for a {}", what, to_string(*of)));
  return false;
}

// --- any thread

wire::Role Node::Impl::role() const { return resources_.roles->of(self()).value_or(wire::Role::guest); }

Result<security::JoinResponder::Enrolment> Node::Impl::enrol(wire::NodeId newcomer, std::optional<wire::Role> asked) {
  if (!asked && !roles().in_use()) return security::JoinResponder::Enrolment{};
  EXO_TRY(const security::Authority authority, options_.identity_store().authority());
  EXO_TRY(const wire::RoleRecord record, roles().set(newcomer, asked.value_or(wire::Role::member), self(), authority,
                                                     std::chrono::system_clock::now()));
  loop_.post([this, record] {
    peers_->broadcast(wire::Roles{.list = {record}});
    on_role(record);
  });
  wire::Roles given{.list = {record}};
  for (const wire::RoleRecord& other : roles().all().list) {
    if (other.node == self()) given.list.push_back(other);
  }
  return security::JoinResponder::Enrolment{.owner = record.role == wire::Role::owner, .roles = wire::encode(given)};
}

Result<void> Node::Impl::set_role(std::string_view node, wire::Role role) {
  auto found = status_->find_node(node);
  const auto id = found ? std::optional(*found) : wire::NodeId::parse(node);
  if (!id) return std::unexpected(found.error());
  EXO_TRY(const security::Authority authority, options_.identity_store().authority());
  EXO_TRY(const wire::RoleRecord record, roles().set(*id, role, self(), authority, std::chrono::system_clock::now()));
  loop_.post([this, record] {
    peers_->broadcast(wire::Roles{.list = {record}});
    on_role(record);
  });
  return {};
}

Result<void> Node::Impl::begin_roles() {
  EXO_TRY(const security::Authority authority, options_.identity_store().authority());
  std::vector<wire::NodeId> others;
  for (const NodeSnapshot& node : status_->snapshot()->nodes) others.push_back(node.id);
  EXO_TRY(const wire::Roles given, roles().begin(self(), others, authority, std::chrono::system_clock::now()));
  loop_.post([this, given] {
    peers_->broadcast(given);
    for (const wire::RoleRecord& record : given.list) on_role(record);
  });
  return {};
}

}  // namespace exogpu::node
