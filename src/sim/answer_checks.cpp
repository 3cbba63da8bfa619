#include "sim/answer_checks.h"

#include <format>
#include <utility>

namespace exogpu::sim {

void AnswerChecks::asked(uint64_t number, const NodeIncarnation& node, pipeline::testing::ExpectedAnswer answer,
                         uint32_t tokens) {
  ++counts_.asked;
  Asked& added =
      open_.emplace(number, Asked{.node = node, .answer = std::move(answer), .tokens = tokens}).first->second;
  added.next = added.answer.next();
}

void AnswerChecks::received(uint64_t number, wire::TokenId token) {
  const auto found = open_.find(number);
  if (found == open_.end()) return checks_->fail(std::format("request {} receives a token after its end", number));
  Asked& asked = found->second;
  ++counts_.tokens;
  const size_t at = asked.received.size();
  if (token != asked.next) {
    const char* how = "is another";
    if (at > 0 && token == asked.received.back()) how = "has come twice: the one before";
    if (token == asked.answer.next()) how = "is lost: the next one came";
    return checks_->fail(std::format("token {} of request {} {}", at, number, how));
  }
  asked.received.push_back(token);
  if (asked.received.size() > asked.tokens) checks_->fail(std::format("request {} has too many tokens", number));
  asked.next = asked.answer.next();
}

void AnswerChecks::ended(uint64_t number) {
  const auto found = open_.find(number);
  if (found == open_.end()) return checks_->fail(std::format("request {} ends twice", number));
  if (found->second.received.size() != found->second.tokens) {
    checks_->fail(std::format("request {} ends after {} of {} tokens", number, found->second.received.size(),
                              found->second.tokens));
  }
  ++counts_.answered;
  open_.erase(found);
}

void AnswerChecks::failed(uint64_t number, const std::string& why, const std::string& excuse) {
  if (open_.erase(number) == 0) return checks_->fail(std::format("request {} fails after its end", number));
  ++counts_.failed;
  if (excuse.empty()) checks_->fail(std::format("request {} fails, and could be answered: {}", number, why));
}

void AnswerChecks::died(const NodeIncarnation& node) {
  counts_.lost += std::erase_if(open_, [&](const auto& entry) { return entry.second.node == node; });
}

void AnswerChecks::over() {
  if (open_.empty()) return;
  const auto& [number, asked] = *open_.begin();
  checks_->fail(std::format("request {} at n{} has not ended, after {} of {} tokens; in all {} have not", number,
                            asked.node.number, asked.received.size(), asked.tokens, open_.size()));
}

}  // namespace exogpu::sim
