#include "node/pairing_call.h"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <utility>

namespace exogpu::node {
namespace {

constexpr std::chrono::milliseconds kPollInterval{100};

net::PairingEnd call_at(const net::PairingCall& call, const Address& at, const std::function<bool()>& stop) {
  std::optional<net::PairingEnd> end;
  boost::asio::io_context io(1);
  net::pair_with(io.get_executor(), at.host, at.port, call, [&](net::PairingEnd ended) { end = std::move(ended); });
  while (!io.stopped()) {
    io.run_for(kPollInterval);
    if (!end && stop && stop()) return {.membership = fail(ErrorCode::cancelled, "the pairing was broken off")};
  }
  if (!end) return {.membership = fail(ErrorCode::internal, "pairing ended without an answer")};
  return *std::move(end);
}

}  // namespace

net::PairingEnd call_for_pairing(const net::PairingCall& call, const std::vector<Address>& at,
                                 const std::function<bool()>& stop) {
  net::PairingEnd last{.membership = fail(ErrorCode::unavailable, "it has no address")};
  for (const Address& address : at) {
    last = call_at(call, address, stop);
    if (last.membership || last.guessed) break;
    const ErrorCode code = last.membership.error().code;
    if (code != ErrorCode::unavailable && code != ErrorCode::deadline_exceeded) break;
  }
  return last;
}

}  // namespace exogpu::node
