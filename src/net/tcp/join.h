// How a node joins a cluster over TCP: one question and one answer over TLS in which only the cluster shows a
// certificate.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/tcp/tls_stream.h"
#include "security/join.h"
#include "security/pairing/desk.h"

namespace exogpu::net {

inline constexpr std::chrono::seconds kJoinMax{10};

// Answers those who want to join, by a token or by a code. Writing to disk happens on a thread of its own, one request
// at a time. To be destroyed after the listener that it serves and before the execution context of its streams.
class JoinServer {
 public:
  // Without a store of codes nobody is paired.
  explicit JoinServer(security::JoinDesk desk, std::optional<security::PairingStore> codes = {});

  // Takes a connection whose handshake was for joining, to its end.
  void serve(TlsStream stream);
  // Without a desk: says no, and why.
  static void refuse(TlsStream stream, const Error& why);

  class Exchange;  // one conversation

 private:
  void pair(const std::shared_ptr<Exchange>& exchange, wire::ByteVector message);

  security::JoinDesk desk_;
  std::optional<security::PairingDesk> pairing_;
  boost::asio::thread_pool worker_;
};

// Joins the cluster of `token` through the node at host:port. `done` is called once, later, on `executor`.
// Errors: unauthenticated (it is another cluster, or the token does not do), unsupported (the versions, both named),
// unavailable, deadline_exceeded. None of them is tried again.
void join_cluster(const boost::asio::any_io_executor& executor, std::string host, uint16_t port,
                  const security::JoinToken& token, std::function<void(Result<security::Membership>)> done);

struct PairingCall {
  security::PairingCode code;
  wire::CodeFrom from = wire::CodeFrom::member;
  std::string name{};  // of this device, for the people at the other
};

struct PairingEnd {
  // Errors: failed_precondition (no code from there holds at the node), unauthenticated (the code is wrong),
  // resource_exhausted (too many ask there), unsupported, unavailable, deadline_exceeded.
  Result<security::Membership> membership;
  bool guessed = false;  // the other end got what it needs to try one code
};

// Joins the cluster of the node at host:port by a code. As join_cluster().
void pair_with(const boost::asio::any_io_executor& executor, std::string host, uint16_t port, const PairingCall& call,
               std::function<void(PairingEnd)> done);

}  // namespace exogpu::net
