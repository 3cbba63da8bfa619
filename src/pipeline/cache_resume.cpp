#include "pipeline/cache_resume.h"

#include <algorithm>

namespace exogpu::pipeline {

std::optional<wire::StageRange> fresh_stages(const wire::StagePlan& before, const wire::StagePlan& next) {
  if (before.content != next.content || before.settings != next.settings) return std::nullopt;
  const auto& old = before.stages;
  const auto& now = next.stages;
  const auto begin = std::ranges::mismatch(old, now).in2;
  const auto same = begin - now.begin();
  const auto end = std::mismatch(now.rbegin(), now.rend() - same, old.rbegin(), old.rend() - same).first.base();
  if (begin == now.begin() && end == now.end()) return std::nullopt;
  return wire::StageRange{.begin = static_cast<uint32_t>(same), .end = static_cast<uint32_t>(end - now.begin())};
}

}  // namespace exogpu::pipeline
