// Reads streams wherever they are kept: here, or at another node, which is asked over its channel.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "node/dispatch.h"
#include "node/streams/stream_store.h"
#include "node/transport.h"

namespace exogpu::node {

// On the node's thread.
class StreamRelay {
 public:
  using Clock = std::chrono::steady_clock;
  // Runs a task on the node's thread, later; from any thread.
  using Post = std::function<void(std::move_only_function<void()>)>;

  // `store` and `transport` must outlive it.
  StreamRelay(StreamStore& store, Transport& transport, Post post)
      : store_(&store), transport_(&transport), post_(std::move(post)), alive_(std::make_shared<StreamRelay*>(this)) {}

  void register_handlers(Dispatch& dispatch);
  // Of a stream that is not here: all connected nodes are asked, or the one that was found to have it.
  // Errors: those of StreamStore::read(); unavailable (the node that keeps it is gone, or does not respond).
  void read(wire::StreamRead request, StreamReader done, Clock::time_point now);
  void on_link_down(wire::NodeId peer);
  void tick(Clock::time_point now);

 private:
  struct Pending {
    wire::StreamRead request;
    StreamReader done;
    std::set<wire::NodeId> asked;  // that have not responded
    Clock::time_point since;
  };
  void on_read(wire::NodeId from, const wire::StreamRead& request);
  void on_bytes(wire::NodeId from, wire::StreamBytes message);
  void give_up(const std::function<bool(Pending&)>& lost, const Error& why);

  StreamStore* store_;
  Transport* transport_;
  Post post_;
  std::map<uint64_t, Pending> pending_;
  std::map<wire::StreamId, wire::NodeId> holders_;  // that were found
  uint64_t next_number_ = 1;
  std::shared_ptr<StreamRelay*> alive_;
};

}  // namespace exogpu::node
