// Joining a cluster by a token that one of its nodes issued (`exogpu serve --join HOST --token TOKEN`).
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "node/node.h"
#include "security/identity.h"
#include "security/join_token.h"

namespace exogpu::node {

// The outside world of repeat_until_joined(); tests replace it.
struct JoinAttempts {
  std::function<Result<void>(const Address&)> attempt;
  std::function<void(std::chrono::milliseconds)> pause;
  std::function<void(const std::string&)> note;
};

// Attempts the nodes in order, again and again with growing pauses, until one admits this node. Notes the first failure
// that a later attempt may overcome (a machine that is not up yet, a name that is not known yet), and every change of
// it. Errors: the last refusal, when no attempt of a round failed in such a way: a wrong token stays wrong.
Result<void> repeat_until_joined(const std::vector<Address>& nodes, const JoinAttempts& attempts);

// Joins the cluster of `token` through one of `nodes`, which must not be empty. Blocks until it is joined or refused.
Result<security::Membership> join_by_token(const std::vector<Address>& nodes, const security::JoinToken& token,
                                           const std::function<void(const std::string&)>& note);

}  // namespace exogpu::node
