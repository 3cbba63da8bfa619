#include "gpu/layouts/book.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gpu/cpu_threads/own_team.h"
#include "gpu/device_key.h"
#include "gpu/json_file.h"
#include "gpu/layouts/stored.h"

namespace exogpu::gpu {
namespace {

// How much faster a layout must be than an earlier one. The plain one is read as fast as packed ones by some kernels,
// but reads prompts far more slowly: it must gain more.
constexpr double kWorthChanging = 1.15;
constexpr double kWorthNotPacking = 1.5;

double value_of(const LayoutRates& rates, LayoutAim aim) {
  switch (aim) {
    case LayoutAim::answers: return rates.matvec_bytes_per_s;
    case LayoutAim::prompts: return rates.matmul_flops_per_s;
    case LayoutAim::both: return std::sqrt(rates.matvec_bytes_per_s * rates.matmul_flops_per_s);
  }
  return 0;
}

bool usable(const Layout& layout, const LayoutKnowledge& known, std::string_view type, WeightShape shape) {
  const auto found = known.verdicts.find({layout.name, std::string(type), shape});
  if (found != known.verdicts.end() && found->second.state != LayoutState::unknown)
    return found->second.state == LayoutState::right;
  return !layout.packed || shape == WeightShape::matrix || shape == WeightShape::experts;
}

}  // namespace

std::vector<Layout> rank_layouts(std::span<const Layout> layouts, const LayoutKnowledge& known, std::string_view type,
                                 WeightShape shape, LayoutAim aim) {
  std::vector<Layout> ranked;
  for (const Layout& layout : layouts)
    if (usable(layout, known, type, shape)) ranked.push_back(layout);
  const auto value = [&](const Layout& layout) {
    const auto found = known.rates.find({layout.name, std::string(type)});
    return found == known.rates.end() ? 0.0 : value_of(found->second, aim);
  };
  size_t best = 0;
  for (size_t i = 1; i < ranked.size(); ++i) {
    const double now = value(ranked[best]);
    if (now > 0 && value(ranked[i]) > (ranked[i].packed ? kWorthChanging : kWorthNotPacking) * now) best = i;
  }
  if (best > 0)
    std::ranges::rotate(ranked.begin(), ranked.begin() + static_cast<ptrdiff_t>(best),
                        ranked.begin() + static_cast<ptrdiff_t>(best) + 1);
  return ranked;
}

LayoutBook::LayoutBook(std::filesystem::path file, Check check) : file_(std::move(file)), check_(std::move(check)) {
  if (file_.empty()) return;
  const auto json = read_json_file(file_);
  auto read = json ? knowledge_from_json(*json) : std::unexpected(json.error());
  if (read) {
    known_ = *std::move(read);
  } else {
    problem_ = std::format("{}: {}; the layouts of weights are checked again", file_.string(), read.error().message);
  }
}

std::string LayoutBook::store() {
  std::map<std::string, LayoutKnowledge> all;
  std::string problem;
  {
    const MutexLock lock(mutex_);
    problem = std::exchange(problem_, {});
    all = known_;
  }
  if (file_.empty()) return problem;
  // Another process may have added devices of its own.
  if (const auto json = read_json_file(file_)) {
    if (auto others = knowledge_from_json(*json)) all.merge(*others);
  }
  if (const auto written = write_json_file(file_, to_json(all)); !written && problem.empty())
    problem = std::format("what was found out of the layouts of weights is not stored: {}", written.error().message);
  return problem;
}

std::string LayoutBook::check(const Device& device, std::span<const LayoutCase> cases) {
  const MutexLock one(working_);
  const std::string key = device_key(device);
  std::vector<LayoutCase> missing;
  {
    const MutexLock lock(mutex_);
    const LayoutKnowledge& known = known_[key];
    for (const LayoutCase& which : cases)
      if (!known.verdicts.contains(which) && !std::ranges::contains(missing, which)) missing.push_back(which);
  }
  if (missing.empty()) return {};
  const std::vector<LayoutVerdict> verdicts = check_(device, missing);
  bool learnt = false;
  {
    const MutexLock lock(mutex_);
    for (size_t i = 0; i < std::min(missing.size(), verdicts.size()); ++i) {
      known_[key].verdicts.insert_or_assign(missing[i], verdicts[i]);
      learnt |= verdicts[i].state != LayoutState::unknown;
    }
  }
  return learnt ? store() : std::string();
}

std::string LayoutBook::measure(const Device& device, std::string_view type) {
  const MutexLock one(working_);
  const std::string key = device_key(device);
  std::vector<Layout> candidates = ranked(device, type, WeightShape::matrix, LayoutAim::answers);
  // This process computes with them: one that was not found right may end it.
  std::erase_if(candidates, [&](const Layout& layout) {
    return verdict(device, {layout.name, std::string(type), WeightShape::matrix}).state != LayoutState::right;
  });
  {
    const MutexLock lock(mutex_);
    const auto& rates = known_[key].rates;
    const auto lacks = [&](const Layout& layout) { return !rates.contains({layout.name, std::string(type)}); };
    if (candidates.size() < 2 || std::ranges::none_of(candidates, lacks)) return {};
  }
  const auto measured = with_own_team([&] { return measure_layouts(device, type, candidates); });
  if (!measured) return {};
  {
    const MutexLock lock(mutex_);
    for (size_t i = 0; i < candidates.size(); ++i)
      known_[key].rates.insert_or_assign({candidates[i].name, std::string(type)}, (*measured)[i]);
  }
  return store();
}

LayoutKnowledge LayoutBook::known(const Device& device) const {
  const MutexLock lock(mutex_);
  const auto found = known_.find(device_key(device));
  return found == known_.end() ? LayoutKnowledge() : found->second;
}

LayoutVerdict LayoutBook::verdict(const Device& device, const LayoutCase& which) const {
  const LayoutKnowledge all = known(device);
  const auto found = all.verdicts.find(which);
  return found == all.verdicts.end() ? LayoutVerdict() : found->second;
}

std::vector<Layout> LayoutBook::ranked(const Device& device, std::string_view type, WeightShape shape,
                                       LayoutAim aim) const {
  return rank_layouts(layouts_of(device), known(device), type, shape, aim);
}

}  // namespace exogpu::gpu
