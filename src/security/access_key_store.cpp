#include "security/access_key_store.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>

#include "security/files.h"
#include "security/hash.h"

namespace exogpu::security {
namespace {

using Json = nlohmann::ordered_json;

constexpr Bytes kKeysFileBytesMax = 4 * MiB;

template <size_t N>
std::string hex(const std::array<uint8_t, N>& bytes) {
  return to_hex(std::as_bytes(std::span(bytes)));
}

// Leaves `out` as it is and returns false if the text is not as long as it should be.
template <size_t N>
bool read_hex(const std::string& text, std::array<uint8_t, N>& out) {
  const auto id = wire::HashId<struct HexTag, N>::parse(text);
  if (id) std::memcpy(out.data(), id->bytes().data(), N);
  return id.has_value();
}

Json json_of(const wire::AccessKey& key) {
  return {{"id", key.id.text()},
          {"version", key.version},
          {"revoked", key.revoked},
          {"name", key.name},
          {"salt", hex(key.salt)},
          {"hash", hex(key.hash)},
          {"scopes", key.scopes.text()},
          {"models", key.models},
          {"devices", key.devices},
          {"created", key.created_s},
          {"expires", key.expires_s},
          {"requests_per_minute", key.requests_per_minute},
          {"tokens_per_day", key.tokens_per_day}};
}

// Throws a Json::exception where a field is missing or has another type; empty where one makes no sense.
std::optional<wire::AccessKey> key_of(const Json& in) {
  wire::AccessKey key;
  const auto id = wire::AccessKeyId::parse(in.at("id").get<std::string>());
  const auto scopes = wire::parse_scopes(in.at("scopes").get<std::string>());
  if (!id || !scopes || !read_hex(in.at("salt").get<std::string>(), key.salt) ||
      !read_hex(in.at("hash").get<std::string>(), key.hash)) {
    return std::nullopt;
  }
  key.id = *id;
  key.scopes = *scopes;
  in.at("version").get_to(key.version);
  in.at("revoked").get_to(key.revoked);
  in.at("name").get_to(key.name);
  in.at("models").get_to(key.models);
  if (in.contains("devices")) in.at("devices").get_to(key.devices);  // an older program's file has none
  in.at("created").get_to(key.created_s);
  in.at("expires").get_to(key.expires_s);
  in.at("requests_per_minute").get_to(key.requests_per_minute);
  in.at("tokens_per_day").get_to(key.tokens_per_day);
  return key;
}

std::filesystem::path file_of(const std::filesystem::path& state) { return state / "access-keys.json"; }

}  // namespace

Result<std::vector<wire::AccessKey>> read_access_keys(const std::filesystem::path& state, wire::ClusterId cluster) {
  const std::filesystem::path file = file_of(state);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::vector<wire::AccessKey>();
  EXO_TRY(const std::string text, read_secret(file, kKeysFileBytesMax));
  const auto damaged = [&] {
    return fail(ErrorCode::corrupt,
                "{}: not a list of API keys; remove the file to have them from the other nodes again, or make new ones",
                file.string());
  };
  try {
    std::vector<wire::AccessKey> keys;
    const Json root = Json::parse(text);
    if (root.at("cluster").get<std::string>() != cluster.text()) return keys;
    for (const Json& each : root.at("keys")) {
      auto key = key_of(each);
      if (!key || keys.size() == wire::kAccessKeysMax) return damaged();
      keys.push_back(*std::move(key));
    }
    return keys;
  } catch (const Json::exception&) {
    return damaged();
  }
}

Result<void> write_access_keys(const std::filesystem::path& state, wire::ClusterId cluster,
                               const std::vector<wire::AccessKey>& keys) {
  Json all = Json::array();
  for (const wire::AccessKey& key : keys) all.push_back(json_of(key));
  return write_secret(
      file_of(state),
      Json{{"cluster", cluster.text()}, {"keys", all}}.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace exogpu::security
