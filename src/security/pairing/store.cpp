#include "security/pairing/store.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "security/files.h"
#include "security/hash.h"

namespace exogpu::security {
namespace {

constexpr Bytes kFileBytesMax = 64 * KiB;
constexpr size_t kWrongKept = 100;
constexpr std::string_view kShown = "shown", kPaired = "paired", kWrong = "wrong", kWithdrawn = "withdrawn";

int64_t seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

Result<PairingStore::Entry> PairingStore::read() const {
  std::error_code ignored;
  if (!std::filesystem::exists(file(), ignored)) return Entry();
  EXO_TRY(const std::string text, read_secret(file(), kFileBytesMax));
  const auto root = nlohmann::json::parse(text, nullptr, false);
  auto has = [&](const char* field, auto is) { return root.contains(field) && (root[field].*is)(); };
  using nlohmann::json;
  Entry entry;
  bool good = root.is_object() && has("code", &json::is_string) && has("outcome", &json::is_string) &&
              has("expires", &json::is_number_integer) && has("wrong", &json::is_array) &&
              root["wrong"].size() <= kWrongKept;
  for (size_t i = 0; good && i < root["wrong"].size(); ++i) {
    good = root["wrong"][i].is_number_integer();
    if (good) entry.wrong_s.push_back(root["wrong"][i].get<int64_t>());
  }
  if (!good) {
    return fail(ErrorCode::corrupt, "{}: this is no pairing code; remove the file and show a new code",
                file().string());
  }
  entry.code = root["code"].get<std::string>();
  entry.outcome = root["outcome"].get<std::string>();
  entry.expires_s = root["expires"].get<int64_t>();
  return entry;
}

Result<void> PairingStore::update(const std::function<Result<void>(Entry&)>& change) const {
  EXO_CHECK(make_private_directory(state_));
  EXO_TRY(const auto lock, FileLock::take(state_ / "pairing.lock"));
  EXO_TRY(Entry entry, read());
  EXO_CHECK(change(entry));
  const nlohmann::json root{
      {"code", entry.code}, {"expires", entry.expires_s}, {"outcome", entry.outcome}, {"wrong", entry.wrong_s}};
  return write_secret(file(), root.dump(2) + "\n");
}

Result<void> PairingStore::check_shown(const Entry& entry, WallTime now) {
  if (entry.code.empty() || entry.outcome == kWithdrawn) {
    return fail(ErrorCode::failed_precondition, "no pairing code is shown there; show one with `exogpu pair`");
  }
  if (entry.outcome != kShown) {
    return fail(ErrorCode::failed_precondition, "the pairing code is used up; show a new one with `exogpu pair`");
  }
  if (entry.expires_s <= seconds(now)) {
    return fail(ErrorCode::failed_precondition, "the pairing code has expired; show a new one with `exogpu pair`");
  }
  return {};
}

Result<PairingCode> PairingStore::show(WallTime now) const {
  EXO_TRY(PairingCode code, PairingCode::random());
  EXO_CHECK(update([&](Entry& entry) -> Result<void> {
    const int64_t since = seconds(now - kWrongGuessesWithin);
    std::erase_if(entry.wrong_s, [&](int64_t at) { return at <= since || at > seconds(now); });
    if (entry.wrong_s.size() >= kWrongGuessesMax) {
      return fail(ErrorCode::resource_exhausted,
                  "{} wrong codes were typed within {} minutes, so none is shown for {} s; somebody may be guessing. "
                  "`exogpu token` lets a device join without a code",
                  entry.wrong_s.size(), kWrongGuessesWithin.count() / 60, std::ranges::min(entry.wrong_s) - since);
    }
    entry.code = code.digits();
    entry.outcome = kShown;
    entry.expires_s = seconds(now + kPairingLifetime);
    return {};
  }));
  return code;
}

Result<PairingOutcome> PairingStore::outcome(const PairingCode& code, WallTime now) const {
  EXO_TRY(const Entry entry, read());
  if (entry.code != code.digits() || entry.outcome == kWithdrawn) return PairingOutcome::withdrawn;
  if (entry.outcome == kPaired) return PairingOutcome::paired;
  if (entry.outcome == kWrong) return PairingOutcome::wrong;
  return entry.expires_s <= seconds(now) ? PairingOutcome::expired : PairingOutcome::shown;
}

Result<void> PairingStore::withdraw(const PairingCode& code) const {
  return update([&](Entry& entry) -> Result<void> {
    if (entry.code == code.digits() && entry.outcome == kShown) entry.outcome = kWithdrawn;
    return {};
  });
}

Result<PairingCode> PairingStore::shown(WallTime now) const {
  EXO_TRY(const Entry entry, read());
  EXO_CHECK(check_shown(entry, now));
  return PairingCode::parse(entry.code);
}

Result<void> PairingStore::settle(const PairingCode& code, bool right, WallTime now) const {
  return update([&](Entry& entry) -> Result<void> {
    EXO_CHECK(check_shown(entry, now));
    if (!equal_secrets(std::as_bytes(std::span(entry.code)), std::as_bytes(std::span(code.digits())))) {
      return fail(ErrorCode::failed_precondition, "another pairing code is shown by now; type that one");
    }
    entry.outcome = right ? kPaired : kWrong;
    if (!right && entry.wrong_s.size() < kWrongKept) entry.wrong_s.push_back(seconds(now));
    return {};
  });
}

}  // namespace exogpu::security
