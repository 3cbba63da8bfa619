// A node's audit chain on its disk: entries (entry.h), one a line, in files that are named by their first entry.
//
//   STATE/audit/audit-00000000000000000001.jsonl
//
// A full file is followed by the next, and the oldest is removed once there are too many. So the chain may begin later
// than with entry 1; the first entry of each file says with which, which shows that a removed file was not cut off.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "security/audit/entry.h"
#include "security/certificate.h"

namespace exogpu::security {

struct AuditLimits {
  Bytes file = 1 * MiB;  // a file that has reached this is full
  size_t files = 32;
};

// Appends to the chain in a folder. One thread at a time, and one process for each folder.
class AuditWriter {
 public:
  // Continues the chain, or begins it. Half a line at the end, as a crash leaves it, is removed, which the next entry
  // says. Does not verify what is there: a chain that was changed goes on, and verify_audit() still finds the change.
  // Errors: permission_denied, io_error.
  static Result<AuditWriter> open(std::filesystem::path folder, PrivateKey key, const AuditLimits& limits,
                                  WallTime now);

  // Returns the entry's line; the operating system has it when this returns. Errors: permission_denied, io_error (the
  // disk is full): it was not written, and the chain is as before; internal.
  Result<std::string> add(const AuditRecord& record, const std::optional<AuditAnchor>& anchor, WallTime now);

  // The last entry.
  const wire::AuditPoint& head() const { return head_; }

 private:
  AuditWriter(std::filesystem::path folder, PrivateKey key, const AuditLimits& limits)
      : folder_(std::move(folder)), key_(std::move(key)), limits_(limits) {}
  Result<Bytes> find_head();
  Result<Bytes> cut_half_line(const std::filesystem::path& file, std::string& text) const;
  void remove_old();

  std::filesystem::path folder_;
  PrivateKey key_;
  AuditLimits limits_;
  std::vector<std::filesystem::path> files_;  // oldest first
  Bytes file_bytes_ = 0;                      // of the last file
  wire::AuditPoint head_;
};

// Another node has this entry of the chain in its own.
struct AuditWitness {
  std::string by{};  // the other node's name, for messages
  wire::AuditPoint point{};
};

struct AuditProblem {
  uint64_t entry = 0;  // the first that is concerned
  std::string what{};
  friend bool operator==(const AuditProblem&, const AuditProblem&) = default;
};

struct AuditReport {
  wire::NodeId node;                     // whose chain it is
  uint64_t first = 0, last = 0;          // of the entries that are there; 0: none
  uint64_t entries = 0;                  // that are good
  uint64_t witnessed = 0;                // the last that another node has seen
  std::vector<AuditProblem> problems{};  // by place
};

// Reads the whole chain and finds entries that were changed, forged, removed, added, or put elsewhere, and those at the
// end that were cut off although a witness has seen them. `key`: whose chain it must be; null: that of the first key in
// it. Errors: not_found (there is no chain), permission_denied, io_error.
Result<AuditReport> verify_audit(const std::filesystem::path& folder, const AuditKey* key,
                                 const std::vector<AuditWitness>& witnesses);

// The lines from entry `from` on, at most `most`, as they are. Errors: permission_denied, io_error.
Result<std::vector<std::string>> read_audit(const std::filesystem::path& folder, uint64_t from, size_t most);

// Calls `take` with each line that is there, oldest first, until it returns false. Errors: permission_denied, io_error.
Result<void> for_each_audit_line(const std::filesystem::path& folder,
                                 const std::function<bool(std::string_view line)>& take);

}  // namespace exogpu::security
