// On the node of the first stage: the requests that nodes send to the ring that begins here, and their events back.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <utility>

#include "pipeline/driver.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

struct RequestServerHost {
  // The driver of the plan with this epoch, where it takes requests; else null.
  std::function<Driver*(wire::PlanEpoch)> driver;
  // To the requester, which may be this node.
  std::function<void(wire::NodeId to, const wire::Generated&)> send;
};

// One thread, that of the driver.
class RequestServer {
 public:
  explicit RequestServer(RequestServerHost host) : host_(std::move(host)) {}

  // A request of this node with the same number is cancelled. The first message back has no token, and its place in the
  // queue if it waits. One that is refused is answered with the error: it is
  // interrupted where there is no such ring, and it may be asked of the next; otherwise the errors of
  // Driver::generate(), with its place in the queue where that is the reason.
  void begin(wire::NodeId from, wire::Generate request);
  void cancel(wire::NodeId from, uint64_t request);
  // The requests of `peer` are cancelled.
  void peer_lost(wire::NodeId peer);

  static bool owns(wire::ControlType type) {
    return type == wire::ControlType::generate || type == wire::ControlType::generate_cancel;
  }
  // Errors: those of decode().
  Result<void> on_control(wire::NodeId from, wire::ControlType type, std::span<const std::byte> payload);

 private:
  using Key = std::pair<wire::NodeId, uint64_t>;  // the requester, and its number

  Result<RequestId> start(Driver& driver, wire::NodeId from, wire::Generate request);
  void cancel(wire::PlanEpoch epoch, RequestId id);

  struct Served {
    wire::PlanEpoch epoch;
    RequestId id;
  };
  RequestServerHost host_;
  std::map<Key, Served> served_;
};

}  // namespace exogpu::pipeline
