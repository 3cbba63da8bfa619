// Three agents with links between each two of them, for tests.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "cluster/agent.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster::testing {

class LinkedAgents : public ::testing::Test {
 protected:
  // Node 1 has the best claim to lead, by its id.
  void SetUp() override {
    for (uint8_t n = 1; n <= 3; ++n) {
      agents_.emplace(example_id(n),
                      Agent(example_facts(n), {.trusted = [this](wire::NodeId id) { return trusted(id); }}, now_));
    }
    for (auto& [a, agent] : agents_) {
      for (const auto& [b, other] : agents_) {
        if (a != b) agent.link_up(b, now_);
      }
    }
  }
  virtual bool trusted(wire::NodeId) const { return true; }

  void run(Duration time) {
    for (const Time until = now_ + time; now_ < until; now_ += std::chrono::milliseconds(10)) {
      for (auto& [id, agent] : agents_) {
        if (agent.wake() <= now_) agent.tick(now_);
      }
      deliver();
    }
  }
  void deliver() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& [id, agent] : agents_) {
        for (const Send& send : agent.take().sends) {
          agents_.at(send.to).receive(id, *send.message, now_);
          moved = true;
        }
      }
    }
  }
  Agent& at(uint8_t n) { return agents_.at(example_id(n)); }

  Time now_{std::chrono::hours(1)};
  std::map<wire::NodeId, Agent> agents_;
};

}  // namespace exogpu::cluster::testing
