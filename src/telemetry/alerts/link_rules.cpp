#include <format>

#include "telemetry/alerts/rules.h"

namespace exogpu::telemetry {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using wire::Severity;

constexpr double kLossHigh = 0.02, kLossRecovered = 0.01;
constexpr double kRateLow = 1.25e6, kRateRecovered = 2e6;             // bytes/s; 10 Mbit/s, 16 Mbit/s
constexpr double kRateShareLow = 1.0 / 3, kRateShareRecovered = 0.5;  // of the best that the link had
constexpr double kSlowShare = 0.7, kSlowRecovered = 0.8;              // of what was predicted

}  // namespace

MaybeFinding link_lossy(const LinkFacts& link) {
  if (link.loss <= kLossRecovered) return std::nullopt;
  return Finding{.alert = {.name = "link_lossy",
                           .severity = Severity::warning,
                           .node = link.from,
                           .subject = link.to,
                           .summary = std::format("{:.1f} % of what it sends to {} is lost", link.loss * 100, link.to),
                           .cause = "a weak radio signal, a damaged cable, or a crowded network",
                           .remedy = "move it closer to the access point, or use a cable"},
                 .begins = link.loss > kLossHigh,
                 .after = seconds(10),
                 .until = seconds(30)};
}

MaybeFinding link_slow(const LinkFacts& link, double best) {
  if (!link.bytes_per_s) return std::nullopt;
  const double rate = *link.bytes_per_s;
  const bool slow = rate < kRateLow;
  if (rate >= kRateRecovered && rate >= kRateShareRecovered * best) return std::nullopt;
  return Finding{
      .alert = {.name = "link_slow",
                .severity = Severity::warning,
                .node = link.from,
                .subject = link.to,
                .summary = std::format("it sends {:.1f} Mbit/s to {}{}", rate * 8e-6, link.to,
                                       slow ? "" : std::format("; it was {:.1f} Mbit/s", best * 8e-6)),
                .cause = slow ? "a slow or distant network" : "the network is crowded, or a cable or a port is bad",
                .remedy = "use a wired network, or keep models off one of both with `--without`"},
      .begins = slow || rate < kRateShareLow * best,
      .after = {},
      .until = {}};
}

MaybeFinding slower_than_predicted(const ModelFacts& model) {
  if (!model.predicted_tokens_per_s || !model.tokens_per_s) return std::nullopt;
  const double predicted = *model.predicted_tokens_per_s, measured = *model.tokens_per_s;
  if (measured >= kSlowRecovered * predicted) return std::nullopt;
  return Finding{
      .alert = {.name = "slower_than_predicted",
                .severity = Severity::warning,
                .node = {},
                .subject = model.name,
                .summary = std::format("it writes {:.1f} tokens/s, {:.1f} were predicted", measured, predicted),
                .cause = "a device is hot or in use by other programs, or a link is slower than it was",
                .remedy = "look for the stage that takes long, and for alerts of its device and links"},
      .begins = measured < kSlowShare * predicted,
      .after = minutes(1),
      .until = seconds(10)};
}

MaybeFinding no_spare_copy(const ModelFacts& model) {
  const bool alone = !model.without_spare.empty();
  if (!alone) return std::nullopt;
  return Finding{.alert = {.name = "no_spare_copy",
                           .severity = Severity::info,
                           .node = {},
                           .subject = model.name,
                           .summary = "no other node has a copy of " + model.without_spare,
                           .cause = "the other nodes have no room for it in their caches, or still fetch it",
                           .remedy = "give another node the model's file, or more room for its cache"},
                 .begins = alone,
                 .after = minutes(5),
                 .until = {}};
}

}  // namespace exogpu::telemetry
