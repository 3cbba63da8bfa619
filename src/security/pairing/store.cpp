#include "security/pairing/store.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "security/files.h"
#include "security/hash.h"

namespace exogpu::security {
namespace {

constexpr Bytes kCodeFileBytesMax = 64 * KiB;
constexpr size_t kWrongKept = 100;
constexpr std::string_view kShown = "shown", kPaired = "paired", kWrong = "wrong", kWithdrawn = "withdrawn";
constexpr std::string_view kFromMember = "member", kFromNewcomer = "newcomer";

int64_t seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

Result<PairingStore::Entry> PairingStore::read() const {
  std::error_code ignored;
  if (!std::filesystem::exists(file(), ignored)) return Entry();
  EXO_TRY(const std::string text, read_secret(file(), kCodeFileBytesMax));
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
    return fail(ErrorCode::corrupt, "{}: not a pairing code; remove the file and show a new code", file().string());
  }
  entry.code = root["code"].get<std::string>();
  // An older program's file lacks both.
  if (has("from", &json::is_string) && root["from"] == kFromNewcomer) entry.from = wire::CodeFrom::newcomer;
  if (has("newcomer", &json::is_string)) entry.newcomer = root["newcomer"].get<std::string>();
  if (has("role", &json::is_string)) {
    EXO_TRY(entry.role, wire::parse_role(root["role"].get<std::string>()));
  }
  entry.outcome = root["outcome"].get<std::string>();
  entry.expires_s = root["expires"].get<int64_t>();
  return entry;
}

Result<void> PairingStore::update(const std::function<Result<void>(Entry&)>& change) const {
  EXO_CHECK(make_private_directory(state_));
  EXO_TRY(const auto lock, FileLock::take(state_ / "pairing.lock"));
  EXO_TRY(Entry entry, read());
  EXO_CHECK(change(entry));
  nlohmann::json root{
      {"code", entry.code},         {"from", entry.from == wire::CodeFrom::newcomer ? kFromNewcomer : kFromMember},
      {"expires", entry.expires_s}, {"outcome", entry.outcome},
      {"newcomer", entry.newcomer}, {"wrong", entry.wrong_s}};
  if (entry.role) root["role"] = to_string(*entry.role);
  return write_secret(file(), root.dump(2) + "\n");
}

Result<void> PairingStore::check_shown(const Entry& entry, wire::CodeFrom from, WallTime now) {
  const bool approval = from == wire::CodeFrom::newcomer;
  if (entry.code.empty() || entry.outcome == kWithdrawn || entry.from != from) {
    return fail(ErrorCode::failed_precondition, "{}",
                approval ? "that device approves no code now; run `exogpu approve CODE` there"
                         : "that device shows no pairing code; show one with `exogpu pair`");
  }
  const char* next = approval ? "run `exogpu approve CODE` there again" : "show a new one with `exogpu pair`";
  if (entry.outcome != kShown) {
    return fail(ErrorCode::failed_precondition, "the pairing code is used up; {}", next);
  }
  if (entry.expires_s <= seconds(now)) {
    return fail(ErrorCode::failed_precondition, "the pairing code has expired; {}", next);
  }
  return {};
}

Result<PairingCode> PairingStore::show(WallTime now, std::optional<wire::Role> role) const {
  EXO_TRY(PairingCode code, PairingCode::random());
  EXO_CHECK(begin(code, wire::CodeFrom::member, role, now));
  return code;
}

Result<void> PairingStore::approve(const PairingCode& code, WallTime now, std::optional<wire::Role> role) const {
  return begin(code, wire::CodeFrom::newcomer, role, now);
}

Result<void> PairingStore::begin(const PairingCode& code, wire::CodeFrom from, std::optional<wire::Role> role,
                                 WallTime now) const {
  return update([&](Entry& entry) -> Result<void> {
    const int64_t since = seconds(now - kWrongGuessesWithin);
    std::erase_if(entry.wrong_s, [&](int64_t at) { return at <= since || at > seconds(now); });
    if (entry.wrong_s.size() >= kWrongGuessesMax) {
      return fail(ErrorCode::resource_exhausted,
                  "{} wrong codes within {} minutes: no code is accepted for {} s, since somebody may be guessing. "
                  "`exogpu token` lets a device join without a code",
                  entry.wrong_s.size(), kWrongGuessesWithin.count() / 60, std::ranges::min(entry.wrong_s) - since);
    }
    entry.code = code.digits();
    entry.from = from;
    entry.outcome = kShown;
    entry.newcomer.clear();
    entry.role = role;
    entry.expires_s = seconds(now + kPairingLifetime);
    return {};
  });
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

Result<std::string> PairingStore::newcomer(const PairingCode& code) const {
  EXO_TRY(Entry entry, read());
  return entry.code == code.digits() && entry.outcome == kPaired ? std::move(entry.newcomer) : std::string();
}

Result<PairingCode> PairingStore::shown(wire::CodeFrom from, WallTime now) const {
  EXO_TRY(const Entry entry, read());
  EXO_CHECK(check_shown(entry, from, now));
  return PairingCode::parse(entry.code);
}

std::optional<wire::CodeFrom> PairingStore::open(WallTime now) const {
  const auto entry = read();
  if (!entry || !check_shown(*entry, entry->from, now)) return std::nullopt;
  return entry->from;
}

Result<std::optional<wire::Role>> PairingStore::settle(const PairingCode& code, bool right, std::string_view newcomer,
                                                       WallTime now) const {
  std::optional<wire::Role> role;
  auto settled = update([&](Entry& entry) -> Result<void> {
    EXO_CHECK(check_shown(entry, entry.from, now));
    if (!equal_secrets(std::as_bytes(std::span(entry.code)), std::as_bytes(std::span(code.digits())))) {
      return fail(ErrorCode::failed_precondition, "the device shows another pairing code now; type that one");
    }
    entry.outcome = right ? kPaired : kWrong;
    entry.newcomer = newcomer;
    if (!right && entry.wrong_s.size() < kWrongKept) entry.wrong_s.push_back(seconds(now));
    role = entry.role;
    return {};
  });
  if (!settled) return std::unexpected(std::move(settled).error());
  return role;
}

}  // namespace exogpu::security
