// What `exogpu doctor` finds.
#pragma once

#include <string>

namespace exogpu::node {

enum class Level {
  ok,
  note,     // may be as it should
  problem,  // prevents nodes from discovering each other
};

struct Finding {
  Level level = Level::ok;
  std::string check;     // interface, mdns, identity, clock, node, port, others, address
  std::string what;      // a sentence
  std::string remedy{};  // what a person can do about it
  friend bool operator==(const Finding&, const Finding&) = default;
};

}  // namespace exogpu::node
