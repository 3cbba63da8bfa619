// The members of a group on this machine's loopback interface, for tests: over connections as nodes make them.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "net/group/member_link.h"
#include "net/group/mesh.h"
#include "net/tcp/listener.h"
#include "net/testing/tcp_node.h"

namespace exogpu::net::testing {

// A node that waits for one connection of a member.
class MemberNode {
 public:
  explicit MemberNode(const security::Authority& authority)
      : identity_(security::Identity::issue(authority, now_of_the_wall()).value()),
        tls_(security::TlsContext::for_node(identity_).value()),
        thread_([this] { io_.run(); }) {
    const LinkSelf self{
        .versions = wire::own_versions(), .node = identity_.node(), .cluster = identity_.cluster(), .incarnation = 5};
    ListenHandler handler{.on_channel = {}, .on_refused = {}, .admits = {}};
    handler.on_refused = [this](const Error& why) { accepted_.set_value(std::unexpected(why)); };
    handler.on_member = [this](TlsStream stream, wire::NodeId peer) {
      accepted_.set_value(MemberLink::adopt(std::move(stream), peer));
    };
    listener_.emplace(Listener::open(io_.get_executor(), tls_, self,
                                     {.address = "127.0.0.1", .handshake_max = std::chrono::seconds(30)},
                                     std::move(handler))
                          .value());
  }
  ~MemberNode() {
    boost::asio::post(io_, [this] { listener_.reset(); });
    work_.reset();
    thread_.join();
  }
  MemberNode(const MemberNode&) = delete;
  MemberNode& operator=(const MemberNode&) = delete;

  wire::NodeId id() const { return identity_.node(); }

  Result<std::unique_ptr<MemberLink>> connect(const MemberNode& to, std::optional<wire::NodeId> expected = {}) const {
    return MemberLink::connect(tls_, "127.0.0.1", to.listener_->port(), expected.value_or(to.id()),
                               std::chrono::seconds(30));
  }
  // What came of the connection that was made to this node.
  Result<std::unique_ptr<MemberLink>> accepted() {
    auto link = accepted_.get_future().get();
    accepted_ = {};
    return link;
  }

 private:
  security::Identity identity_;
  security::TlsContext tls_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ = boost::asio::make_work_guard(io_);
  std::promise<Result<std::unique_ptr<MemberLink>>> accepted_;
  std::optional<Listener> listener_;
  std::thread thread_;
};

inline security::Authority new_authority() { return security::Authority::create(now_of_the_wall()).value(); }

// The links of each of so many members, by rank.
inline std::vector<std::vector<std::unique_ptr<MemberLink>>> connect_members(uint32_t members) {
  const auto authority = new_authority();
  std::vector<std::unique_ptr<MemberNode>> nodes;
  for (uint32_t i = 0; i < members; ++i) nodes.push_back(std::make_unique<MemberNode>(authority));
  std::vector<std::vector<std::unique_ptr<MemberLink>>> links(members);
  for (auto& each : links) each.resize(members);
  for (uint32_t i = 0; i < members; ++i) {
    for (uint32_t j = i + 1; j < members; ++j) {
      links[i][j] = nodes[i]->connect(*nodes[j]).value();
      links[j][i] = nodes[j]->accepted().value();
    }
  }
  return links;
}

inline std::vector<std::shared_ptr<Mesh>> connect_meshes(uint32_t members,
                                                         Mesh::Clock::duration silence_max = std::chrono::seconds(60)) {
  std::vector<std::shared_ptr<Mesh>> meshes;
  for (auto& links : connect_members(members))
    meshes.push_back(std::make_shared<Mesh>(static_cast<uint32_t>(meshes.size()), std::move(links), silence_max));
  return meshes;
}

// Runs `work(rank)` for each member on a thread of its own, and waits for all.
template <typename Work>
void run_members(uint32_t members, Work work) {
  std::vector<std::jthread> threads;
  for (uint32_t rank = 0; rank < members; ++rank) threads.emplace_back([=] { work(rank); });
}

}  // namespace exogpu::net::testing
