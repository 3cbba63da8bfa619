// Keeps the node's certificate valid: replaces it in time, with the authority's key where this node has it, else by
// asking a node that has it. Answers others that ask.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "node/dispatch.h"
#include "node/transport.h"
#include "security/identity_store.h"
#include "wire/renewal.h"

namespace exogpu::node {

// All calls on the node's thread.
struct RenewalHost {
  std::function<security::WallTime()> clock = std::chrono::system_clock::now;
  std::function<void(const security::Identity&)> on_renewed;  // this node has this one from now on; it is on the disk
  std::function<void(wire::NodeId)> on_granted;               // that node got a certificate from this one
  std::function<void(const std::string&)> note;
};

// On the node's thread.
class Renewal {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Between attempts. Each asks one node, the next one in turn.
  static constexpr std::chrono::minutes kEvery{1};

  // `validity`: of the certificate that `store` has. The transport must outlive it.
  Renewal(wire::NodeId self, security::Validity validity, security::IdentityStore store, Transport& transport,
          RenewalHost host)
      : self_(self), validity_(validity), store_(std::move(store)), transport_(&transport), host_(std::move(host)) {}

  void register_handlers(Dispatch& dispatch);
  // Begins where the certificate is due, at most every kEvery.
  void tick(Time now);
  // There is another node to ask, at the next tick.
  void on_link_up() { next_ = {}; }

 private:
  Result<void> renew();
  void ask(const security::Identity& identity);
  Result<wire::ByteVector> grant(wire::NodeId to, const wire::CertificateRequest& request) const;
  Result<void> take(const wire::CertificateAnswer& answer);
  void renewed(const security::Identity& identity);

  wire::NodeId self_;
  security::Validity validity_;
  security::IdentityStore store_;
  Transport* transport_;
  RenewalHost host_;
  Time next_{};
  size_t turn_ = 0;
  std::optional<wire::NodeId> asked_;
};

}  // namespace exogpu::node
