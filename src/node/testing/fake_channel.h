// A channel without a peer: it records the types of the control frames sent, and statistics are what a test
// sets.
#pragma once

#include <utility>
#include <vector>

#include "net/channel.h"

namespace exogpu::node::testing {

class FakeChannel final : public net::Channel {
 public:
  const net::Peer& peer() const override { return peer_; }
  void start(net::ChannelHandler&) override {}
  Result<net::SendId> send(net::Outgoing frame) override {
    if (const auto* control = std::get_if<wire::Control>(&frame.header.of)) controls.push_back(control->type);
    return net::SendId(1);
  }
  void cancel(net::SendId) override {}
  void pause(net::Lane) override {}
  void resume(net::Lane) override {}
  void watch(net::Duration ping, net::Duration silence) override { watched.emplace_back(ping, silence); }
  void ping() override {}
  void close(Error) override {}
  net::LinkStats stats() const override { return now; }

  net::LinkStats now;
  std::vector<wire::ControlType> controls;
  std::vector<std::pair<net::Duration, net::Duration>> watched;

 private:
  net::Peer peer_;
};

}  // namespace exogpu::node::testing
