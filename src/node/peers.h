// The channels of a node: one to each other node that it knows, opened by either end and opened again when lost.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/backoff.h"
#include "net/channel.h"
#include "net/duplicate.h"
#include "net/identity_probe.h"
#include "net/tcp/connector.h"
#include "node/membership.h"
#include "node/transport.h"
#include "security/tls.h"
#include "wire/cluster.h"

namespace exogpu::node {

// Receives the frames of all channels. Called on the node's thread.
class PeerHandler {
 public:
  virtual ~PeerHandler() = default;
  virtual void on_up(wire::NodeId peer) = 0;
  virtual void on_down(wire::NodeId peer, const Error& why) = 0;
  virtual std::optional<std::span<std::byte>> receive_buffer(wire::NodeId peer, const wire::FrameHeader& header) = 0;
  virtual void on_frame(wire::NodeId peer, const wire::FrameHeader& header, std::span<const std::byte> payload) = 0;
  virtual void on_abandoned(wire::NodeId peer, const wire::FrameHeader& header) = 0;
  virtual void on_writable(wire::NodeId peer, net::Lane lane) = 0;
  // Another process, at `address`, has the identity of `node` and was refused, since the earlier one is
  // alive. `node` may be this node itself.
  virtual void on_second_identity(wire::NodeId node, const std::string& address) { (void)node, (void)address; }
  // This process was refused, since another one has its identity. No channel is opened any more.
  virtual void on_identity_in_use(const Error& why) { (void)why; }
};

struct PeersOptions {
  net::ChannelOptions channel{};
  // Between attempts; there is no last one.
  net::BackoffOptions retry{.attempts = 0, .first = std::chrono::milliseconds(250), .most = std::chrono::seconds(5)};
  net::Duration forget_after = std::chrono::minutes(5);  // a node that is let go
  // Its error refuses a node, which gets it to read; empty: all are admitted.
  std::function<Result<void>(wire::NodeId)> admits{};
};

// One thread, that of the executor. The handler must outlive it.
class Peers final : public Transport, public PeerDirectory {
 public:
  Peers(boost::asio::any_io_executor executor, const security::TlsContext& tls, net::LinkSelf self,
        PeersOptions options, PeerHandler& handler);
  ~Peers() override;
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  // A channel that the other end has opened.
  void accept(std::unique_ptr<net::Channel> channel) { add(std::move(channel), false); }
  // One that the listener refused.
  void accept_failed(const Error& why);

  // Keeps a channel to this node from now on, by any of its addresses. `dial` for one that is known only by address.
  void keep_connected(const wire::Member& member) override;
  // The other end calls, and this one no longer does.
  void leave_calling(wire::NodeId node) override;
  // All other nodes have left: they are retried for a while, and then no more, since they connect by themselves when
  // they return. Addresses that were given to dial() are retried for ever.
  void let_go_but(const std::vector<wire::Member>& members) override;
  // `on_refused` is called for every attempt that failed.
  void dial(const std::string& host, uint16_t port, std::function<void(const Error&)> on_refused);
  // One attempt. `done` is called once: with the node there, to which there is a channel, or why not.
  void call(const std::string& host, uint16_t port, std::function<void(Result<wire::NodeId>)> done);

  Result<void> send(wire::NodeId to, net::Outgoing frame) override;
  std::vector<wire::NodeId> connected_nodes() const override;

  bool connected(wire::NodeId node) const { return links_.contains(node); }
  net::Channel* channel(wire::NodeId node);
  // For display; the beginning of its id if no name is known.
  std::string name_of(wire::NodeId node) const override;
  void set_name(wire::NodeId node, std::string name) override { names_[node] = std::move(name); }

  // Closes a channel for this reason, which is sent to the other end.
  void close(wire::NodeId node, const Error& why);
  // This node is admitted no longer: its channel is closed, and none is opened any more.
  void expel(wire::NodeId node, const Error& why);

 private:
  struct Link;
  struct Target;
  struct Contest;
  void add(std::unique_ptr<net::Channel> channel, bool opened_here);
  void take(std::shared_ptr<Link> link);
  void probe(std::shared_ptr<Link> later);
  void judge(wire::NodeId node);
  void refuse(const Link& later);
  void identity_in_use(const Error& why);
  void closed(Link& link, const Error& why);
  void attempt(const std::shared_ptr<Target>& target);
  void again(const std::shared_ptr<Target>& target);

  boost::asio::any_io_executor executor_;
  const security::TlsContext* tls_;
  net::LinkSelf self_;
  PeersOptions options_;
  PeerHandler* handler_;
  std::map<wire::NodeId, std::shared_ptr<Link>> links_;
  std::map<wire::NodeId, std::unique_ptr<Contest>> contests_;  // of each the earlier channel is in links_
  bool in_use_ = false;                                        // this node's identity, by another process
  std::map<wire::NodeId, std::string> names_;
  std::vector<std::shared_ptr<Target>> targets_;
  std::vector<std::shared_ptr<net::Connecting>> calls_;
};

}  // namespace exogpu::node
