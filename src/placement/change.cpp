#include "placement/change.h"

#include <algorithm>

namespace exogpu::placement {
namespace {

// Leaves `changed` empty when a stage would have two runs, or two devices would share one memory.
void give(const Ring& ring, const Piece& taken, const CostModel& model, Ring& changed) {
  changed.clear();
  bool added = false;
  auto add_taken = [&] {
    if (!added) changed.push_back(taken);
    added = true;
  };
  for (const Piece& piece : ring) {
    const wire::LayerRange before = {piece.layers.begin, std::min(piece.layers.end, taken.layers.begin)};
    const wire::LayerRange after = {std::max(piece.layers.begin, taken.layers.end), piece.layers.end};
    const bool keeps_before = before.begin < before.end, keeps_after = after.begin < after.end;
    const bool divided = keeps_before && keeps_after;
    if (divided || ((keeps_before || keeps_after) && model.share_memory(piece.device, taken.device))) {
      changed.clear();
      return;
    }
    if (keeps_before) changed.push_back({piece.device, before});
    if (piece.layers.end > taken.layers.begin) add_taken();
    if (keeps_after) changed.push_back({piece.device, after});
  }
}

}  // namespace

double least_s(std::span<const RingProblem> problems, const Ring& ring) {
  double least = kNever;
  for (const RingProblem& problem : problems) least = std::min(least, problem.value_s(ring));
  return least;
}

Changed with_device(std::span<const RingProblem> problems, const Ring& ring, size_t device, Change change,
                    bool thorough) {
  const CostModel& model = problems.front().model();
  std::vector<bool> edge(model.layers() + 1, thorough);
  for (const Piece& piece : ring) edge[piece.layers.begin] = edge[piece.layers.end] = true;
  Changed best;
  Ring changed;
  for (uint32_t begin = 0; begin < model.layers(); ++begin) {
    for (uint32_t end = begin + 1; end <= model.layers(); ++end) {
      if (!edge[begin] && !edge[end]) continue;
      const Piece taken = {device, {begin, end}};
      if (!problems.front().fits(device, taken.layers)) {
        if (end + 1 < model.layers())
          end = model.layers() - 1;  // only a run to the last layer may have embedding and head share a tensor
        continue;
      }
      give(ring, taken, model, changed);
      if (changed.empty() || (change == Change::join && changed.size() <= ring.size())) continue;
      const double value_s = least_s(problems, changed);
      if (value_s < best.value_s) best = {.ring = changed, .value_s = value_s};
    }
  }
  return best;
}

}  // namespace exogpu::placement
