// Wrong API keys, by the address that they come from: after a few, each further one costs that address twice the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace exogpu::api {

inline constexpr uint32_t kAttemptsFree = 10;
inline constexpr std::chrono::seconds kAttemptsDelayMax{60};
inline constexpr std::chrono::minutes kAttemptsForgotten{10};  // since the last one
inline constexpr size_t kAttemptAddressesMax = 4096;

// No I/O. Used by one thread.
class Attempts {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // How long this address still waits; nothing: it may try.
  std::optional<std::chrono::seconds> wait(std::string_view address, Time now) const;
  // A key was wrong.
  void failed(std::string_view address, Time now);
  // A line for the log, about once a minute while there are wrong keys: how many since the last one, and from where.
  std::optional<std::string> report(Time now);

 private:
  struct Address {
    uint32_t failures = 0;
    Time last{}, until{};
  };
  // All addresses of a network of IPv6 count as one, since one machine has as many as it likes.
  static std::string name_of(std::string_view address);
  void make_room(Time now);

  std::map<std::string, Address> addresses_;
  uint64_t unreported_ = 0;
  std::string last_from_;
  Time reported_at_{};
};

}  // namespace exogpu::api
