#include "security/audit/entry.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstring>
#include <format>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/utf8.h"
#include "security/hash.h"
#include "security/signature.h"

namespace exogpu::security {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSignedPrefix = "exogpu audit 1\n";
constexpr std::string_view kSignatureField = ",\"sig\":\"";

// Empty where a character is no lower-case digit, or the last one is missing.
std::optional<std::vector<unsigned char>> bytes_of_hex(std::string_view hex) {
  if (hex.empty() || hex.size() % 2 != 0) return std::nullopt;
  std::vector<unsigned char> bytes(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); ++i) {
    const size_t digit = std::string_view("0123456789abcdef").find(hex[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    bytes[i / 2] = static_cast<unsigned char>(bytes[i / 2] << 4 | digit);
  }
  return bytes;
}

Result<std::string> signature_of(std::string_view text, const PrivateKey& key) {
  EXO_TRY(const auto signature, sign(std::format("{}{}", kSignedPrefix, text), key.native()));
  return to_hex(signature);
}

std::string field(const std::string& text) { return printable(text.substr(0, kAuditFieldBytesMax)); }

std::string time_text(int64_t time_ms) {
  using namespace std::chrono;
  return std::format("{:%FT%T}Z", sys_time<milliseconds>(milliseconds(time_ms)));
}

std::optional<int64_t> time_of(const std::string& text) {
  std::tm parts{};
  int milliseconds = 0, used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                  &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &milliseconds, &used) != 7 ||
      static_cast<size_t>(used) != text.size()) {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return int64_t{timegm(&parts)} * 1000 + milliseconds;
}

Result<AuditEntry> broken(std::string_view why) { return fail(ErrorCode::corrupt, "this is no audit entry: {}", why); }

// Throws a Json::exception where a field is missing or has another type.
Result<AuditEntry> entry_of(const Json& in) {
  AuditEntry entry;
  in.at("n").get_to(entry.number);
  const auto time = time_of(in.at("time").get<std::string>());
  const auto previous = wire::AuditHash::parse(in.at("prev").get<std::string>());
  if (!time || !previous) return broken("its time or its hash is none");
  entry.time_ms = *time;
  entry.previous = *previous;
  in.at("who").get_to(entry.record.who);
  in.at("from").get_to(entry.record.from);
  in.at("action").get_to(entry.record.action);
  in.at("what").get_to(entry.record.what);
  in.at("result").get_to(entry.record.result);
  if (const auto oldest = in.find("oldest"); oldest != in.end()) entry.oldest = oldest->get<uint64_t>();
  const auto anchor = in.find("anchor");
  if (anchor == in.end()) return entry;
  const auto node = wire::NodeId::parse(anchor->at("node").get<std::string>());
  const auto hash = wire::AuditHash::parse(anchor->at("hash").get<std::string>());
  if (!node || !hash) return broken("its anchor is none");
  entry.anchor = AuditAnchor{.node = *node, .point = {.number = anchor->at("n").get<uint64_t>(), .hash = *hash}};
  return entry;
}

}  // namespace

Result<AuditKey> AuditKey::of(const PrivateKey& key) {
  EVP_PKEY* shared = key.native();
  if (EVP_PKEY_up_ref(shared) != 1) return fail(ErrorCode::internal, "cannot share a key: {}", openssl_words());
  return AuditKey(Openssl<EVP_PKEY>(shared));
}

Result<AuditKey> AuditKey::parse(std::string_view hex) {
  const auto der = bytes_of_hex(hex);
  if (der) {
    const unsigned char* at = der->data();
    Openssl<EVP_PKEY> key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der->size())));
    if (key && at == der->data() + der->size() && is_p256(key.get())) return AuditKey(std::move(key));
    (void)openssl_words();
  }
  return fail(ErrorCode::corrupt, "this is no public key of a node");
}

wire::NodeId AuditKey::node() const { return wire::NodeId(public_key_hash(key_.get())); }

std::string AuditKey::text() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &der);
  std::string hex;
  if (size > 0) hex = to_hex({reinterpret_cast<const std::byte*>(der), static_cast<size_t>(size)});
  OPENSSL_free(der);
  return hex;
}

bool AuditKey::signed_with(std::string_view text, std::string_view signature_hex) const {
  const auto signature = bytes_of_hex(signature_hex);
  return signature &&
         is_signature(std::format("{}{}", kSignedPrefix, text), std::as_bytes(std::span(*signature)), key_.get());
}

Result<std::string> write_audit_entry(const AuditEntry& entry, const PrivateKey& key) {
  Json out{{"n", entry.number},
           {"time", time_text(entry.time_ms)},
           {"prev", entry.previous.text()},
           {"who", field(entry.record.who)},
           {"from", field(entry.record.from)},
           {"action", field(entry.record.action)},
           {"what", field(entry.record.what)},
           {"result", field(entry.record.result)}};
  if (entry.anchor) {
    out["anchor"] = {{"node", entry.anchor->node.text()},
                     {"n", entry.anchor->point.number},
                     {"hash", entry.anchor->point.hash.text()}};
  }
  if (entry.oldest) {
    EXO_TRY(const AuditKey own, AuditKey::of(key));
    out["oldest"] = *entry.oldest;
    out["node"] = own.node().text();
    out["key"] = own.text();
  }
  std::string line = out.dump(-1, ' ', false, Json::error_handler_t::replace);
  line.pop_back();  // the brace
  EXO_TRY(const std::string signature, signature_of(line, key));
  return std::format("{}{}{}\"}}", line, kSignatureField, signature);
}

Result<AuditEntry> read_audit_entry(std::string_view line, const AuditKey& key) {
  const size_t at = line.rfind(kSignatureField);
  if (at == std::string_view::npos || !line.ends_with("\"}")) return broken("it has no signature");
  const size_t begin = at + kSignatureField.size();
  if (begin + 2 > line.size()) return broken("it has no signature");
  if (!key.signed_with(line.substr(0, at), line.substr(begin, line.size() - 2 - begin))) {
    return broken("its signature is not that of the node");
  }
  try {
    return entry_of(Json::parse(std::format("{}}}", line.substr(0, at))));
  } catch (const Json::exception&) {
    return broken("a field is missing");
  }
}

Result<AuditKey> key_in_audit_entry(std::string_view line) {
  const Json in = Json::parse(line, nullptr, false);
  const auto key = in.is_object() ? in.find("key") : in.end();
  if (!in.is_object() || key == in.end() || !key->is_string()) {
    return fail(ErrorCode::corrupt, "the first entry of the file has no public key");
  }
  return AuditKey::parse(key->get<std::string>());
}

wire::AuditHash audit_hash(std::string_view line) {
  const Sha256 hash = sha256(std::as_bytes(std::span(line)));
  std::array<uint8_t, 32> bytes;
  std::memcpy(bytes.data(), hash.data(), bytes.size());
  return wire::AuditHash(bytes);
}

}  // namespace exogpu::security
