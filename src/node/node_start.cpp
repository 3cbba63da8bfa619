// How a node begins: who it is, what it has, and where it listens.
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <format>
#include <random>

#include "base/utf8.h"
#include "node/device_profiles.h"
#include "node/model_shape.h"
#include "node/node_impl.h"
#include "security/identity_store.h"
#include "security/token_store.h"

namespace exogpu::node {
namespace {

using security::Identity;
using security::IdentityStore;

security::WallTime wall_now() { return std::chrono::system_clock::now(); }

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "node";
  return name;
}

Result<Identity> join(const Address& at, const security::JoinToken& token) {
  boost::asio::io_context io(1);
  std::optional<Result<Identity>> joined;
  net::join_cluster(io.get_executor(), at.host, at.port, token,
                    [&](Result<Identity> answer) { joined = std::move(answer); });
  io.run();
  if (!joined) return fail(ErrorCode::internal, "joining ended without an answer");
  return *std::move(joined);
}

Result<Identity> identity_of(const NodeOptions& options) {
  const IdentityStore store(options.state);
  if (!options.connect && !options.model.empty()) return store.load_or_found(wall_now());
  EXO_TRY(std::optional<Identity> known, store.load());
  if (!options.token) {
    if (known) return *std::move(known);
    if (!options.connect) {
      return fail(ErrorCode::failed_precondition,
                  "this node belongs to no cluster yet: give the model to serve, or the cluster to join. To join, run "
                  "`exogpu pair` on a device of the cluster and `exogpu join` here");
    }
    return fail(
        ErrorCode::failed_precondition,
        "this node belongs to no cluster yet; join with --join HOST:PORT --token TOKEN, where `exogpu token` on "
        "the node that founded the cluster gives the token");
  }
  if (known && known->cluster() == options.token->cluster) return *std::move(known);
  EXO_TRY(Identity joined, join(*options.connect, *options.token));
  EXO_CHECK(store.adopt(joined, true));
  return joined;
}

// Those named, or all that are no software renderers.
Result<std::vector<const gpu::Device*>> chosen(const gpu::Machine& machine, const std::vector<std::string>& names) {
  std::vector<const gpu::Device*> devices;
  for (const std::string& name : names) {
    EXO_TRY(const gpu::Device* device, machine.find(name));
    if (!std::ranges::contains(devices, device)) devices.push_back(device);
  }
  if (names.empty()) {
    for (const gpu::Device& device : machine.devices()) devices.push_back(&device);
  }
  return devices;
}

// Of this machine's interfaces, those of a network before the loopback.
std::vector<std::string> own_addresses() {
  std::vector<std::string> addresses;
  std::vector<std::string> loopback;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {"127.0.0.1"};
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    const int family = at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    char text[NI_MAXHOST] = {};
    if (getnameinfo(at->ifa_addr, size, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0) continue;
    ((at->ifa_flags & IFF_LOOPBACK) != 0 ? loopback : addresses).emplace_back(text);
  }
  freeifaddrs(list);
  std::ranges::stable_partition(addresses, [](const std::string& a) { return !a.contains(':'); });
  addresses.insert(addresses.end(), loopback.begin(), loopback.end());
  if (addresses.size() > wire::kAddressesMax) addresses.resize(wire::kAddressesMax);
  return addresses;
}

}  // namespace

Result<Node::Impl::Parts> Node::Impl::prepare(NodeOptions& options) {
  if (options.name.empty()) options.name = printable(host_name());
  if (options.name.size() > wire::kNameCharsMax || printable(options.name) != options.name ||
      options.name.find_first_of("/,:") != std::string::npos) {
    return fail(ErrorCode::invalid_argument,
                "--name {}: a name has at most {} characters that can be printed, and none of / , :",
                printable(options.name), wire::kNameCharsMax);
  }
  if (!options.connect && options.model.empty() && !options.discover) {
    return fail(ErrorCode::invalid_argument,
                "give the model to serve, or the cluster to join (--join HOST:PORT --token TOKEN)");
  }
  SharedGguf file;
  if (!options.model.empty()) {
    EXO_TRY(model::Gguf opened, model::Gguf::open(options.model));
    file = std::make_shared<const model::Gguf>(std::move(opened));
  }
  EXO_TRY(Identity identity, identity_of(options));
  EXO_TRY(security::TlsContext tls, security::TlsContext::for_node(identity));
  const bool only_cpu = options.devices == std::vector<std::string>{"cpu"};
  EXO_TRY(
      gpu::Machine machine,
      gpu::Machine::discover({.backend = {}, .software = !options.devices.empty() && !only_cpu, .cpu_only = only_cpu}));
  EXO_TRY(const auto devices, chosen(machine, options.devices));
  EXO_TRY(auto profiles, profiles_of(devices, options.threads));
  for (wire::DeviceProfile& profile : profiles) {
    profile.id.node = identity.node();
    profile.node_name = options.name;
  }
  EXO_TRY(auto running, security::FileLock::share(options.state / "node.lock"));
  Parts parts{.identity = std::move(identity),
              .tls = std::move(tls),
              .machine = std::move(machine),
              .devices = std::move(profiles),
              .file = std::move(file),
              .running = std::move(running),
              .join = nullptr,
              .shape = {},
              .cache = nullptr};
  const bool leads = !options.connect && !options.model.empty();
  if (leads) {
    options.shard.context = options.wishes.context;
    options.shard.sequences = options.wishes.sequences;
    EXO_TRY(options.shard.kv_type, engine::parse_kv_type(options.kv_type));
    EXO_TRY(parts.shape, shape_of(*parts.file, parts.machine.devices(), options.shard));
  }
  EXO_TRY(parts.cache, weights::WeightCache::open({.folder = options.cache / "weights"}));
  if (auto authority = IdentityStore(options.state).authority()) {
    parts.join = std::make_unique<net::JoinServer>(
        security::JoinDesk(*std::move(authority), security::TokenStore(options.state)),
        security::PairingStore(options.state));
  }
  return parts;
}

Result<std::unique_ptr<Node::Impl>> Node::Impl::start(NodeOptions options) {
  EXO_TRY(Parts parts, prepare(options));
  std::unique_ptr<Impl> impl(new Impl(std::move(options), std::move(parts)));
  EXO_CHECK(impl->listen());
  if (impl->leader_) impl->state_ = impl->leader_->describe();
  impl->publish();
  boost::asio::post(impl->io_, [at = impl.get()] { at->begin(); });
  impl->thread_ = std::jthread([at = impl.get()] { at->run(); });
  return impl;
}

Result<void> Node::Impl::listen() {
  net::ChannelOptions channel;
  channel.silence_max = options_.silence_max;
  channel.ordered_queue = 256 * MiB;  // some chunks of a prompt for a wide model
  std::random_device entropy;
  const net::LinkSelf self{.versions = wire::own_versions(),
                           .node = parts_.identity.node(),
                           .cluster = parts_.identity.cluster(),
                           .incarnation = std::uniform_int_distribution<uint64_t>()(entropy)};
  peers_ = std::make_unique<Peers>(io_.get_executor(), parts_.tls, self, PeersOptions{.channel = channel}, *this);
  net::ListenOptions listen{.address = options_.listen.host, .port = options_.listen.port, .channel = channel};
  EXO_TRY(net::Listener listener,
          net::Listener::open(
              io_.get_executor(), parts_.tls, self, std::move(listen),
              {.on_channel = [this](std::unique_ptr<net::Channel> opened) { peers_->accept(std::move(opened)); },
               .on_refused = [this](const Error& why) { note(why.message); },
               .admits = {}},
              parts_.join.get()));
  listener_.emplace(std::move(listener));
  port_ = listener_->port();
  return {};
}

wire::NodeInfo Node::Impl::info() const {
  wire::NodeInfo told;
  told.self = {.node = parts_.identity.node(),
               .name = options_.name,
               .addresses = {},
               .link_port = port_,
               .api_url = options_.api_url};
  const std::string& host = options_.listen.host;
  const bool everywhere = host.empty() || host == "::" || host == "0.0.0.0";
  told.self.addresses = everywhere ? own_addresses() : std::vector{host};
  if (options_.advertise) {
    told.self.addresses = {options_.advertise->host};
    told.self.link_port = options_.advertise->port;
  }
  told.devices = parts_.devices;
  for (const wire::NodeId peer : peers_->nodes()) {
    const auto stats = peers_->channel(peer)->stats();
    if (!stats.rtt_min) continue;
    const double delay = std::chrono::duration<double>(*stats.rtt_min).count() / 2;
    told.links.push_back(
        {.from = told.self.node, .to = peer, .delay_s = delay, .bytes_per_s = rates_.bytes_per_s(peer).value_or(0)});
  }
  return told;
}

}  // namespace exogpu::node
