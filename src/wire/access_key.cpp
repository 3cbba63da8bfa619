#include "wire/access_key.h"

#include <algorithm>
#include <format>
#include <ranges>
#include <tuple>

#include "wire/log_coding.h"

namespace exogpu::wire {
namespace {

template <size_t N>
Result<std::array<uint8_t, N>> array_of(const std::string& field, std::string_view what) {
  if (field.size() != N) return fail(ErrorCode::corrupt, "{} has {} bytes, not {}", what, field.size(), N);
  std::array<uint8_t, N> out;
  std::ranges::copy(field, out.begin());
  return out;
}

}  // namespace

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::chat: return "chat";
    case Scope::embeddings: return "embeddings";
    case Scope::models: return "models";
    case Scope::cluster_read: return "cluster:read";
    case Scope::cluster_write: return "cluster:write";
    case Scope::admin: return "admin";
  }
  return "?";
}

std::string Scopes::text() const {
  std::string all;
  for (const Scope scope : kScopes) {
    if ((bits_ & bit(scope)) != 0) all += std::format("{}{}", all.empty() ? "" : ",", to_string(scope));
  }
  return all;
}

Result<Scopes> parse_scopes(std::string_view text) {
  Scopes scopes;
  const auto unknown = [](std::string_view name) {
    return fail(ErrorCode::invalid_argument,
                "there is no scope \"{}\"; there are chat, embeddings, models, cluster:read, cluster:write and admin",
                name);
  };
  if (text.empty()) return unknown(text);
  for (const auto part : text | std::views::split(',')) {
    const std::string_view name(part);
    const auto found = std::ranges::find(kScopes, name, [](Scope scope) { return to_string(scope); });
    if (found == kScopes.end()) return unknown(name);
    scopes.add(*found);
  }
  return scopes;
}

bool supersedes(const AccessKey& later, const AccessKey& earlier) {
  const auto rank = [](const AccessKey& key) {
    return std::tie(key.revoked, key.version, key.hash, key.salt, key.name, key.models, key.devices, key.created_s,
                    key.expires_s, key.requests_per_minute, key.tokens_per_day);
  };
  if (rank(later) != rank(earlier)) return rank(later) > rank(earlier);
  return later.scopes.bits() > earlier.scopes.bits();
}

void put(proto::AccessKey& out, const AccessKey& in) {
  out.set_id(text_of(in.id));
  out.set_version(in.version);
  out.set_revoked(in.revoked);
  out.set_name(text(in.name));
  out.set_salt(text_of(std::as_bytes(std::span(in.salt))));
  out.set_hash(text_of(std::as_bytes(std::span(in.hash))));
  out.set_scopes(in.scopes.bits());
  for (const std::string& pattern : in.models) out.add_models(text(pattern));
  for (const std::string& pattern : in.devices) out.add_devices(text(pattern));
  out.set_created_s(in.created_s);
  out.set_expires_s(in.expires_s);
  out.set_requests_per_minute(in.requests_per_minute);
  out.set_tokens_per_day(in.tokens_per_day);
}

Result<AccessKey> access_key_of(const proto::AccessKey& in) {
  AccessKey out;
  const auto id = AccessKeyId::from_bytes(bytes_of(in.id()));
  if (!id) return fail(ErrorCode::corrupt, "the id of an API key has {} bytes", in.id().size());
  out.id = *id;
  out.version = in.version();
  out.revoked = in.revoked();
  EXO_TRY(out.name, name_of(in.name(), "the name of an API key"));
  EXO_TRY(out.salt, array_of<16>(in.salt(), "the salt of an API key"));
  EXO_TRY(out.hash, array_of<32>(in.hash(), "the hash of an API key"));
  out.scopes = Scopes::from_bits(in.scopes());
  EXO_CHECK(within(in.models_size(), kPatternsMax, "the models of an API key"));
  for (const std::string& field : in.models()) {
    EXO_TRY(std::string pattern, name_of(field, "a model of an API key"));
    out.models.push_back(std::move(pattern));
  }
  EXO_CHECK(within(in.devices_size(), kPatternsMax, "the devices of an API key"));
  for (const std::string& field : in.devices()) {
    EXO_TRY(std::string pattern, name_of(field, "a device of an API key"));
    out.devices.push_back(std::move(pattern));
  }
  out.created_s = in.created_s();
  out.expires_s = in.expires_s();
  out.requests_per_minute = in.requests_per_minute();
  out.tokens_per_day = in.tokens_per_day();
  return out;
}

}  // namespace exogpu::wire
