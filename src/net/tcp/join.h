// How a node joins a cluster over TCP: one question and one answer over TLS in which only the cluster shows a
// certificate.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "base/result.h"
#include "net/tcp/tls_stream.h"
#include "security/join.h"

namespace exogpu::net {

inline constexpr std::chrono::seconds kJoinMax{10};

// Answers those who want to join. Writing to disk happens on a thread of its own, one request at a time. To be
// destroyed after the listener that it serves and before the execution context of its streams.
class JoinServer {
 public:
  explicit JoinServer(security::JoinDesk desk) : desk_(std::move(desk)), worker_(1) {}

  // Takes a connection whose handshake was for joining, to its end.
  void serve(TlsStream stream);
  // Without a desk: says no, and why.
  static void refuse(TlsStream stream, const Error& why);

 private:
  security::JoinDesk desk_;
  boost::asio::thread_pool worker_;
};

// Joins the cluster of `token` through the node at host:port. `done` is called once, later, on `executor`.
// Errors: unauthenticated (it is another cluster, or the token does not do), unsupported (the versions, both named),
// unavailable, deadline_exceeded. None of them is tried again.
void join_cluster(const boost::asio::any_io_executor& executor, std::string host, uint16_t port,
                  const security::JoinToken& token, std::function<void(Result<security::Identity>)> done);

}  // namespace exogpu::net
