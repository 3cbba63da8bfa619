#include "node/join_by_token.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <limits>
#include <optional>
#include <thread>

#include "net/backoff.h"
#include "net/tcp/join.h"

namespace exogpu::node {
namespace {

constexpr net::BackoffOptions kJoinBackoff{.attempts = std::numeric_limits<uint32_t>::max(),
                                           .first = std::chrono::milliseconds(500),
                                           .most = std::chrono::seconds(15)};

bool is_temporary(const Error& error) {
  return error.code == ErrorCode::unavailable || error.code == ErrorCode::deadline_exceeded ||
         error.code == ErrorCode::io_error;
}

Result<security::Membership> request_membership(const Address& at, const security::JoinToken& token) {
  boost::asio::io_context io(1);
  std::optional<Result<security::Membership>> joined;
  net::join_cluster(io.get_executor(), at.host, at.port, token,
                    [&](Result<security::Membership> response) { joined = std::move(response); });
  io.run();
  if (!joined) return fail(ErrorCode::internal, "the request to join ended without a response");
  return *std::move(joined);
}

}  // namespace

Result<void> repeat_until_joined(const std::vector<Address>& nodes, const JoinAttempts& attempts) {
  std::string noted;
  for (uint32_t round = 1;; ++round) {
    std::string failures;
    std::optional<Error> refusal;
    bool may_succeed_later = false;
    for (const Address& node : nodes) {
      auto joined = attempts.attempt(node);
      if (joined) return {};
      failures += (failures.empty() ? "" : "; ") + joined.error().message;
      may_succeed_later = may_succeed_later || is_temporary(joined.error());
      refusal = std::move(joined).error();
    }
    if (!may_succeed_later) return std::unexpected(*std::move(refusal));
    if (noted != failures) attempts.note(failures + "; trying again until this node has joined");
    noted = std::move(failures);
    const auto wait = net::backoff_after(round, kJoinBackoff, static_cast<uint64_t>(getpid()));
    attempts.pause(std::chrono::duration_cast<std::chrono::milliseconds>(*wait));
  }
}

Result<security::Membership> join_by_token(const std::vector<Address>& nodes, const security::JoinToken& token,
                                           const std::function<void(const std::string&)>& note) {
  std::optional<security::Membership> membership;
  const auto attempt = [&](const Address& at) -> Result<void> {
    EXO_TRY(membership, request_membership(at, token));
    return {};
  };
  const auto pause = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
  const auto quiet = [](const std::string&) {};
  EXO_CHECK(repeat_until_joined(nodes, {.attempt = attempt, .pause = pause, .note = note ? note : quiet}));
  return *std::move(membership);
}

}  // namespace exogpu::node
