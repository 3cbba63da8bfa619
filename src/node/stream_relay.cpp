#include "node/stream_relay.h"

#include <utility>

namespace exogpu::node {
namespace {

constexpr size_t kHoldersMax = 4096;
constexpr std::chrono::seconds kResponseWait{20};  // a node responds sooner, without bytes if there are none

const Error kNotFound{ErrorCode::not_found, "no node of the cluster has such a stream; it may have ended too long ago"};

}  // namespace

void StreamRelay::register_handlers(Dispatch& dispatch) {
  dispatch.on<wire::StreamRead>([this](wire::NodeId from, const wire::StreamRead& request) { on_read(from, request); });
  dispatch.on<wire::StreamBytes>(
      [this](wire::NodeId from, wire::StreamBytes message) { on_bytes(from, std::move(message)); });
}

void StreamRelay::on_read(wire::NodeId from, const wire::StreamRead& request) {
  const auto send = [this, from, number = request.request](Result<wire::StreamBytes> result) {
    wire::StreamBytes message{.request = number};
    if (result) {
      message = *std::move(result);
    } else {
      message.failure = std::move(result).error();
    }
    (void)transport_->send_message(from, message);
  };
  store_->read(
      request,
      [post = post_, alive = std::weak_ptr(alive_), send](Result<wire::StreamBytes> result) {
        post([alive, send, result = std::move(result)]() mutable {
          if (alive.lock()) send(std::move(result));
        });
      },
      Clock::now());
}

void StreamRelay::read(wire::StreamRead request, StreamReader done, Clock::time_point now) {
  if (store_->has(request.stream, request.owner)) return store_->read(request, done, now);
  Pending pending{.request = request, .done = std::move(done), .asked = {}, .since = now};
  const uint64_t number = next_number_++;
  const uint64_t reader_number = std::exchange(request.request, number);
  pending.request.request = reader_number;
  const auto holder = holders_.find(request.stream);
  const std::vector<wire::NodeId> nodes =
      holder == holders_.end() ? transport_->connected_nodes() : std::vector{holder->second};
  for (const wire::NodeId node : nodes) {
    if (transport_->send_message(node, request)) pending.asked.insert(node);
  }
  if (pending.asked.empty()) return pending.done(std::unexpected(kNotFound));
  pending_.emplace(number, std::move(pending));
}

void StreamRelay::on_bytes(wire::NodeId from, wire::StreamBytes message) {
  const auto found = pending_.find(message.request);
  if (found == pending_.end() || found->second.asked.erase(from) == 0) return;
  Pending& pending = found->second;
  const bool elsewhere = message.failure && message.failure->code == ErrorCode::not_found;
  if (elsewhere && !pending.asked.empty()) return;
  Pending answered = std::move(pending);
  pending_.erase(found);
  if (elsewhere || message.ended) {
    holders_.erase(answered.request.stream);
  } else if (!message.failure) {
    if (holders_.size() >= kHoldersMax) holders_.clear();
    holders_.insert_or_assign(answered.request.stream, from);
  }
  if (elsewhere) return answered.done(std::unexpected(kNotFound));
  if (message.failure) return answered.done(std::unexpected(*std::move(message.failure)));
  message.request = answered.request.request;
  answered.done(std::move(message));
}

void StreamRelay::give_up(const std::function<bool(Pending&)>& lost, const Error& why) {
  std::vector<StreamReader> ended;
  std::erase_if(pending_, [&](auto& entry) {
    if (!lost(entry.second)) return false;
    ended.push_back(std::move(entry.second.done));
    return true;
  });
  for (StreamReader& done : ended) done(std::unexpected(why));
}

void StreamRelay::on_link_down(wire::NodeId peer) {
  std::erase_if(holders_, [&](const auto& entry) { return entry.second == peer; });
  give_up([&](Pending& pending) { return pending.asked.erase(peer) > 0 && pending.asked.empty(); },
          {ErrorCode::unavailable, "the node that kept the stream is gone"});
}

void StreamRelay::tick(Clock::time_point now) {
  give_up([&](Pending& pending) { return now - pending.since > kResponseWait; },
          {ErrorCode::unavailable, "the node that keeps the stream does not respond"});
}

}  // namespace exogpu::node
