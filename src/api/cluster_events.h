// The cluster as events of a stream: what it is, and then what has changed.
//
//   event: snapshot   data: the object of GET /v1/cluster
//   event: change     data: a JSON patch (RFC 6902) of the object that the client has
//
// A client that connects again begins with a snapshot. No I/O.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "node/cluster_snapshot.h"

namespace exogpu::api {

// Of one client.
class ClusterEvents {
 public:
  // What the client has to receive to have this cluster; empty if it has.
  std::string next(const node::ClusterSnapshot& cluster);

 private:
  nlohmann::ordered_json sent_;  // null: nothing yet
  uint64_t version_ = 0;         // of what was sent
};

}  // namespace exogpu::api
