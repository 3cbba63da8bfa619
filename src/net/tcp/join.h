// How a node joins a cluster over TCP: one request and one response over TLS, where only the cluster's end shows a
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
#include "security/pairing/responder.h"

namespace exogpu::net {

inline constexpr std::chrono::seconds kJoinMax{10};

// A device asked to be let in.
struct Admission {
  std::string from;  // its address
  std::string name;  // of a device that pairs; it says so itself
  bool by_code = false;
  Result<wire::NodeId> outcome;  // of the new member, or why it was refused
};

// Answers requests to join by a token or a code. A thread of its own writes to disk, one request at a time. To be
// destroyed after the listener that it serves and before the execution context of its streams.
class JoinServer {
 public:
  // Without `codes`, refuses all pairing. `on_admission` may be empty; it is called on the server's own thread, before
  // the device gets its answer.
  explicit JoinServer(security::JoinResponder responder, std::optional<security::PairingStore> codes = {},
                      std::function<void(const Admission&)> on_admission = {});

  // Serves a connection whose handshake was for joining, to its end.
  void serve(TlsStream stream);
  // Refuses with this reason, where there is no JoinServer.
  static void refuse(TlsStream stream, const Error& why);

  class Exchange;  // the messages of one connection

 private:
  void pair(const std::shared_ptr<Exchange>& exchange, wire::ByteVector message);
  Result<wire::PairingGrant> finish_pairing(security::PendingPairing pending, const wire::ByteVector& message,
                                            const std::string& from);
  void report(Admission admission, const wire::JoinGrant* grant) const;

  security::JoinResponder responder_;
  std::optional<security::PairingResponder> pairing_;
  std::function<void(const Admission&)> on_admission_;
  boost::asio::thread_pool worker_;
};

// Joins the cluster of `token` through the node at host:port. `done` is called once, later, on `executor`. Does not
// retry.
// Errors: unauthenticated (another cluster, or the token is not accepted), unsupported (names both versions),
// unavailable, deadline_exceeded.
void join_cluster(const boost::asio::any_io_executor& executor, std::string host, uint16_t port,
                  const security::JoinToken& token, std::function<void(Result<security::Membership>)> done);

struct PairingCall {
  security::PairingCode code;
  wire::CodeFrom from = wire::CodeFrom::member;
  std::string name{};  // of this machine, shown to the people at the other one
};

struct PairingEnd {
  // Errors: failed_precondition (no pairing code is active at the node), unauthenticated (the code is wrong),
  // resource_exhausted (too many requests there), unsupported, unavailable, deadline_exceeded.
  Result<security::Membership> membership;
  bool guessed = false;  // the other end received enough to test one guess of the code
};

// Joins the cluster of the node at host:port by a pairing code. Like join_cluster().
void pair_with(const boost::asio::any_io_executor& executor, std::string host, uint16_t port, const PairingCall& call,
               std::function<void(PairingEnd)> done);

}  // namespace exogpu::net
