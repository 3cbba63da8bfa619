// The audit of this node: who did what here, in a chain on the disk that cannot quietly be changed (security/audit/).
//
// Requests are counted and written once a minute; everything else at once. Each minute in which something was written
// the other nodes get the chain's head and put it into their own chains (anchors), so that an end that is cut off is
// found. What is anchored itself is no reason to send a head, or the chains would never rest.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "security/audit/chain.h"
#include "security/identity.h"
#include "wire/audit.h"

namespace exogpu::node {

// What a client asked for, of which only the amount is written.
struct AuditCount {
  uint64_t requests = 0;
  uint64_t tokens = 0;  // read and written
};

// Thread-safe. Nothing waits for the disk: the operating system has an entry when record() returns.
class Audit {
 public:
  using WallTime = std::chrono::system_clock::time_point;
  // Gets each line that is written; one call after the other.
  using Told = std::function<void(std::string_view line)>;

  // Errors: corrupt, permission_denied, io_error: the folder cannot be used.
  static Result<std::unique_ptr<Audit>> open(const std::filesystem::path& state, const security::Identity& identity,
                                             const security::AuditLimits& limits = {}, Told told = {});
  ~Audit();  // writes what was counted

  // An entry that cannot be written is logged, and the work goes on.
  void record(const security::AuditRecord& record);
  // One more request, or tokens of one, by a client.
  void count(const std::string& who, const std::string& from, const AuditCount& more);
  // One more refusal, with this result.
  void count_refusal(const std::string& who, const std::string& from, const std::string& result);
  // Writes what was counted since the last call.
  void write_counts();

  // The lines from entry `from` on; without it, the last ones. At most `most`.
  Result<std::vector<std::string>> lines(std::optional<uint64_t> from, size_t most) const;
  // Verifies all of the chain, with what the other nodes have seen of it.
  Result<security::AuditReport> verify() const;

  // --- with the other nodes
  // What is to be sent to all, if something was written since it was asked for last.
  std::optional<wire::AuditHead> head_to_send();
  wire::AuditHead head() const;
  // Puts the head of another node's chain into this one; the reply is for that node. More than ten within a minute are
  // ignored: no node has so many, and each takes space in this chain.
  wire::AuditAnchors take_head(wire::NodeId from, const std::string& name, const wire::AuditPoint& point);
  // Entries of that node's chain that are in this one.
  wire::AuditAnchors anchors_of(wire::NodeId node) const;
  // What another node has seen of this chain.
  void take_anchors(wire::NodeId from, const std::string& name, const wire::AuditAnchors& anchors);

 private:
  Audit(std::filesystem::path folder, security::AuditKey key, security::AuditWriter writer, Told told)
      : folder_(std::move(folder)), key_(std::move(key)), told_(std::move(told)), writer_(std::move(writer)) {}
  struct Anchored {
    std::vector<wire::AuditPoint> points;
    std::chrono::steady_clock::time_point minute{};  // began then
    uint32_t in_minute = 0;                          // heads that were taken
  };
  struct Witness {
    std::string name;
    std::vector<wire::AuditPoint> points;
  };
  Result<void> read_anchors() EXO_REQUIRES(mutex_);
  void remember(wire::NodeId node, const wire::AuditPoint& point) EXO_REQUIRES(mutex_);
  void write(const security::AuditRecord& record, const std::optional<security::AuditAnchor>& anchor)
      EXO_REQUIRES(mutex_);

  const std::filesystem::path folder_;
  const security::AuditKey key_;
  const Told told_;
  mutable Mutex mutex_;
  security::AuditWriter writer_ EXO_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, AuditCount> counts_ EXO_GUARDED_BY(mutex_);  // by who and where from
  std::map<std::pair<std::string, std::string>, std::map<std::string, uint64_t>> refusals_ EXO_GUARDED_BY(mutex_);
  uint64_t clients_excluded_ EXO_GUARDED_BY(mutex_) = 0;              // requests of those that there was no room for
  std::map<wire::NodeId, Anchored> anchors_ EXO_GUARDED_BY(mutex_);   // of other nodes, here
  std::map<wire::NodeId, Witness> witnesses_ EXO_GUARDED_BY(mutex_);  // of this chain, elsewhere
  bool unsent_ EXO_GUARDED_BY(mutex_) = false;
  bool failing_ EXO_GUARDED_BY(mutex_) = false;
};

}  // namespace exogpu::node
