#include "node/own_settings.h"

#include "node/host_name.h"
#include "security/files.h"
#include "wire/node_settings.h"

namespace exogpu::node {
namespace {

constexpr const char* kSettingsFile = "settings";
constexpr Bytes kSettingsBytesMax = 64 * KiB;

Result<wire::NodeSettings> kept_settings(const std::filesystem::path& state) {
  const auto bytes = security::read_secret(state / kSettingsFile, kSettingsBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::not_found) return wire::NodeSettings{};
  if (!bytes) return std::unexpected(bytes.error());
  auto settings = wire::decode<wire::NodeSettings>(std::as_bytes(std::span(*bytes)));
  if (settings) return settings;
  return fail(ErrorCode::corrupt, "{}: {}; remove the file, and give the node its name and limits again",
              (state / kSettingsFile).string(), settings.error().message);
}

Result<void> keep(const std::filesystem::path& state, const wire::NodeSettings& settings) {
  const wire::ByteVector bytes = wire::encode(settings);
  return security::write_secret(state / kSettingsFile, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

Result<std::string> own_name(const std::filesystem::path& state, const std::string& option) {
  const std::string given = option.empty() ? host_name() : option;
  if (const auto sound = wire::check_node_name(given); !sound) {
    return fail(sound.error().code, "--name {}", sound.error().message);
  }
  EXO_TRY(const wire::NodeSettings kept, kept_settings(state));
  return kept.name && kept.name_option == option ? *kept.name : given;
}

Result<void> keep_name(const std::filesystem::path& state, const std::string& name, const std::string& option) {
  EXO_TRY(wire::NodeSettings kept, kept_settings(state));
  kept.name = name;
  kept.name_option = option;
  return keep(state, kept);
}

Result<wire::OwnerLimits> own_limits(const std::filesystem::path& state, const wire::OwnerLimits& options) {
  EXO_CHECK(wire::check(options));
  EXO_TRY(const wire::NodeSettings kept, kept_settings(state));
  return kept.limits && kept.limit_options == options ? kept.limits->set : options;
}

Result<void> keep_limits(const std::filesystem::path& state, const wire::OwnerLimits& limits,
                         const wire::OwnerLimits& options) {
  EXO_TRY(wire::NodeSettings kept, kept_settings(state));
  kept.limits = wire::LimitChanges{.set = limits};
  kept.limit_options = options;
  return keep(state, kept);
}

}  // namespace exogpu::node
