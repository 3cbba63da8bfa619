// What clients must receive: every token of the right answer once, in order, and then its end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline/testing/fake_model.h"
#include "sim/checks.h"

namespace exogpu::sim {

struct AnswerCounts {
  uint64_t asked = 0;
  uint64_t answered = 0;
  uint64_t failed = 0;  // with a valid reason
  uint64_t lost = 0;    // with the node that was asked
  uint64_t tokens = 0;
  uint64_t continued = 0;  // times that an answer continued with another ring
  uint64_t replayed = 0;   // tokens that only the fresh stages of such a ring computed
};

class AnswerChecks {
 public:
  explicit AnswerChecks(Checks& checks) : checks_(&checks) {}

  // `number` is new with each.
  void asked(uint64_t number, const NodeIncarnation& node, pipeline::testing::ExpectedAnswer answer, uint32_t tokens);
  void received(uint64_t number, wire::TokenId token);
  void ended(uint64_t number);
  // `excuse`: why it could not be answered; empty: it could have been.
  void failed(uint64_t number, const std::string& why, const std::string& excuse);
  void continued() { ++counts_.continued; }
  void replayed(uint64_t tokens) { counts_.replayed += tokens; }
  void died(const NodeIncarnation& node);
  // Nothing happens any more: all must have ended.
  void over();

  size_t open() const { return open_.size(); }
  const AnswerCounts& counts() const { return counts_; }

 private:
  struct Asked {
    NodeIncarnation node;
    pipeline::testing::ExpectedAnswer answer;
    uint32_t tokens = 0;  // that it is to have
    std::vector<wire::TokenId> received{};
    wire::TokenId next = 0;
  };
  Checks* checks_;
  std::map<uint64_t, Asked> open_;
  AnswerCounts counts_;
};

}  // namespace exogpu::sim
