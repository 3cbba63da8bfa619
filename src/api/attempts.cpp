#include "api/attempts.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <format>

namespace exogpu::api {
namespace {

constexpr std::chrono::minutes kReportEvery{1};

}  // namespace

std::string Attempts::name_of(std::string_view address) {
  boost::system::error_code failure;
  const auto parsed = boost::asio::ip::make_address(address, failure);
  if (failure || !parsed.is_v6()) return std::string(address);
  if (parsed.to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, parsed.to_v6()).to_string();
  }
  auto bytes = parsed.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), uint8_t{0});
  return boost::asio::ip::address_v6(bytes).to_string() + "/64";
}

std::optional<std::chrono::seconds> Attempts::wait(std::string_view address, Time now) const {
  if (addresses_.empty()) return std::nullopt;
  const auto known = addresses_.find(name_of(address));
  if (known == addresses_.end() || known->second.until <= now) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(known->second.until - now);
}

void Attempts::failed(std::string_view address, Time now) {
  const std::string name = name_of(address);
  ++unreported_;
  last_from_ = name;
  if (!addresses_.contains(name)) make_room(now);
  Address& of = addresses_[name];
  if (of.failures > 0 && now - of.last > kAttemptsForgotten) of.failures = 0;
  of.last = now;
  if (++of.failures <= kAttemptsFree) return;
  const uint32_t doubled = std::min<uint32_t>(of.failures - kAttemptsFree - 1, 10);
  of.until = now + std::min<std::chrono::seconds>(std::chrono::seconds(1U << doubled), kAttemptsDelayMax);
}

// The address that has been quiet for longest goes, and with it what it did.
void Attempts::make_room(Time now) {
  std::erase_if(addresses_, [&](const auto& each) { return now - each.second.last > kAttemptsForgotten; });
  if (addresses_.size() < kAttemptAddressesMax) return;
  addresses_.erase(std::ranges::min_element(addresses_, {}, [](const auto& each) { return each.second.last; }));
}

std::optional<std::string> Attempts::report(Time now) {
  if (unreported_ == 0 || (reported_at_ != Time{} && now - reported_at_ < kReportEvery)) return std::nullopt;
  std::string line = std::format("{} requests with a wrong API key, the last from {}", unreported_, last_from_);
  unreported_ = 0;
  reported_at_ = now;
  return line;
}

}  // namespace exogpu::api
