// An entry of a node's audit chain: a line of JSON that names the line before it by its hash, signed by the node.
//
//   {"n":7,"time":"2026-01-01T00:00:00.000Z","prev":"<64 digits>","who":"laptop","from":"192.0.2.7",
//    "action":"keys.add","what":"phone","result":"ok","sig":"<ECDSA of P-256 and SHA-256, DER, as hexadecimal digits>"}
//
// The signature covers the bytes before ,"sig": behind a prefix that no other use of the node's key has. The hash of an
// entry is the SHA-256 of its whole line, without the end of the line. An entry that keeps the head of another node's
// chain has "anchor":{"node":…,"n":…,"hash":…}. The first entry of each file has "oldest" (the number of the oldest
// entry that is kept), "node" and "key" (the public key, DER), so that a copy of the folder can be verified.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "security/key.h"
#include "wire/audit.h"
#include "wire/node_id.h"

namespace exogpu::security {

inline constexpr size_t kAuditFieldBytesMax = 300;  // longer ones are cut

// Who did what, from where, with which result. Never the content of a request.
struct AuditRecord {
  std::string who{};     // a key's name, "local", or a node's name
  std::string from{};    // an address; empty: this node itself
  std::string action{};  // "keys.add"
  std::string what{};    // the name of what was changed
  std::string result{};  // "ok", or what was refused and why
  friend bool operator==(const AuditRecord&, const AuditRecord&) = default;
};

struct AuditAnchor {
  wire::NodeId node;
  wire::AuditPoint point;
  friend bool operator==(const AuditAnchor&, const AuditAnchor&) = default;
};

struct AuditEntry {
  uint64_t number = 0;
  int64_t time_ms = 0;  // since 1970
  wire::AuditHash previous{};
  AuditRecord record{};
  std::optional<AuditAnchor> anchor{};
  std::optional<uint64_t> oldest{};  // in the first entry of a file
};

// The public half of a node's key.
class AuditKey {
 public:
  static Result<AuditKey> of(const PrivateKey& key);
  // Hexadecimal digits of the DER form. Errors: corrupt.
  static Result<AuditKey> parse(std::string_view hex);
  wire::NodeId node() const;
  std::string text() const;  // as parse() reads it
  bool signed_with(std::string_view text, std::string_view signature_hex) const;

 private:
  explicit AuditKey(Openssl<EVP_PKEY> key) : key_(std::move(key)) {}
  Openssl<EVP_PKEY> key_;
};

// The line, without its end. Errors: internal, if it cannot be signed.
Result<std::string> write_audit_entry(const AuditEntry& entry, const PrivateKey& key);

// Errors: corrupt: it is no entry, or not signed with this key.
Result<AuditEntry> read_audit_entry(std::string_view line, const AuditKey& key);

// The key in the first line of a file, not verified. Errors: corrupt, if there is none.
Result<AuditKey> key_in_audit_entry(std::string_view line);

wire::AuditHash audit_hash(std::string_view line);

}  // namespace exogpu::security
