#include "node/join_refusals.h"

#include <format>
#include <utility>

namespace exogpu::node {
namespace {

constexpr std::chrono::minutes kRefusalsReportedEvery{1};

}  // namespace

std::optional<std::string> JoinRefusals::note(const net::Admission& refused, Time now) {
  ++unreported_;
  if (reported_at_ && now - *reported_at_ < kRefusalsReportedEvery) return std::nullopt;
  reported_at_ = now;
  return std::format("{} requests to join were refused, the last from {} by a {}: {}", std::exchange(unreported_, 0),
                     refused.from, refused.by_code ? "code" : "token", refused.outcome.error().message);
}

}  // namespace exogpu::node
