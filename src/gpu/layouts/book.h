// What is known of the layouts of this machine's devices: which compute rightly, and how fast. Kept in a file.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>

#include "base/mutex.h"
#include "gpu/layouts/layout.h"
#include "gpu/layouts/rates.h"

namespace exogpu::gpu {

// What the weights' layout should serve: the writing of answers (one token at a time), the reading of prompts, or both
// alike.
enum class LayoutAim : uint8_t { answers, prompts, both };

struct LayoutKnowledge {
  std::map<LayoutCase, LayoutVerdict> verdicts;
  std::map<std::pair<std::string, std::string>, LayoutRates> rates;  // of (layout, type)
};

// The layouts that may be used, best first. `known` may lack any of them. Without a verdict, plain ones may be used,
// and packed ones for matrices and experts, as ggml's own programs do. A layout is better than an earlier one when it
// is faster in what `aim` says by so much that noise does not change the choice: 15 %, and half as fast again for the
// plain one.
std::vector<Layout> rank_layouts(std::span<const Layout> layouts, const LayoutKnowledge& known, std::string_view type,
                                 WeightShape shape, LayoutAim aim);

// Any thread may call.
class LayoutBook {
 public:
  using Check = std::function<std::vector<LayoutVerdict>(const Device&, std::span<const LayoutCase>)>;

  // `file`: where it is kept; empty: nowhere. `check` finds out verdicts, as check_in_processes() does.
  LayoutBook(std::filesystem::path file, Check check);

  // Checks those of `cases` that are not known; a verdict `unknown` is not stored. Returns a problem with the file, if
  // any.
  std::string check(const Device& device, std::span<const LayoutCase> cases);
  // Measures the layouts that are right for matrices of this type, if there are several and no rates are known.
  // A device that cannot be measured keeps ggml's order. Returns as check() does.
  std::string measure(const Device& device, std::string_view type);

  LayoutKnowledge known(const Device& device) const;
  LayoutVerdict verdict(const Device& device, const LayoutCase& which) const;
  std::vector<Layout> ranked(const Device& device, std::string_view type, WeightShape shape, LayoutAim aim) const;

 private:
  std::string store();

  std::filesystem::path file_;
  Check check_;
  Mutex working_;  // held while something is checked or measured: one at a time
  mutable Mutex mutex_;
  std::string problem_ EXO_GUARDED_BY(mutex_);
  std::map<std::string, LayoutKnowledge> known_ EXO_GUARDED_BY(mutex_);  // by device_key()
};

}  // namespace exogpu::gpu
