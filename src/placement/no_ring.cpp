// The reason why no ring of devices can hold the model.
#include <algorithm>
#include <format>

#include "placement/explain.h"

namespace exogpu::placement {
namespace {

// The layers that fit if each device could choose its layers freely.
uint32_t layers_together(const Planner& planner) {
  std::vector<uint32_t> runs;
  for (size_t d : planner.usable) {
    uint32_t longest = 1;  // it fits one, or it would not be usable
    for (uint32_t l = 0; l < planner.model.layers(); ++l)
      longest = std::max(longest, planner.problems.front().end_max(d, l) - l);
    runs.push_back(longest);
  }
  uint32_t sum = 0;
  for (size_t i = 0; i < planner.usable.size(); ++i) {
    bool counted_elsewhere = false;
    for (size_t j = 0; j < planner.usable.size(); ++j) {
      if (!planner.model.share_memory(planner.usable[i], planner.usable[j])) continue;
      counted_elsewhere = counted_elsewhere || runs[j] > runs[i] || (runs[j] == runs[i] && j < i);
    }
    if (!counted_elsewhere) sum += runs[i];
  }
  return sum;
}

// The memory for layers, without each stage's scratch memory; of devices that share a memory, the largest.
Bytes room_together(const Planner& planner) {
  Bytes room = 0;
  for (size_t d : planner.usable) {
    const bool counted_elsewhere = std::ranges::any_of(planner.usable, [&](size_t other) {
      if (!planner.model.share_memory(d, other)) return false;
      const Bytes mine = planner.model.memory_free(d), theirs = planner.model.memory_free(other);
      return theirs > mine || (theirs == mine && other < d);
    });
    const Bytes compute = planner.model.shape().compute_bytes;
    if (!counted_elsewhere && planner.model.memory_free(d) > compute) room += planner.model.memory_free(d) - compute;
  }
  return room;
}

bool linked(const Planner& planner) {
  for (size_t a : planner.usable) {
    for (size_t b : planner.usable) {
      if (planner.model.hop_s(a, b, 1) == kNever) return false;
    }
  }
  return true;
}

}  // namespace

std::unexpected<Error> no_ring(const Planner& planner) {
  const wire::ModelShape& shape = planner.model.shape();
  const wire::StageMemory whole = planner.model.memory({0, planner.model.layers()});
  const std::string sizes = std::format("{} needs {} for weights and {} for the KV cache", shape.name,
                                        format_bytes(whole.weights), format_bytes(whole.cache));
  if (planner.usable.empty()) {
    std::string reasons;
    for (size_t d = 0; d < planner.model.devices() && d < 8; ++d)
      reasons += std::format("; {}: {}", planner.name(d), planner.breach(d)->reason);
    return fail(ErrorCode::out_of_memory, "{}, and no device may be used{}", sizes, reasons);
  }
  const Bytes room = room_together(planner);
  const Bytes need = whole.weights + whole.cache;
  const std::string devices = planner.usable.size() == 1 ? std::format("{} has", planner.name(planner.usable.front()))
                                                         : std::format("{} devices have", planner.usable.size());
  if (need > room)
    return fail(ErrorCode::out_of_memory, "{}, and {} room for {} beside their scratch memory: {} bytes are missing",
                sizes, devices, format_bytes(room), format_count(need - room));
  const std::string room_text = std::format("{}, and {} room for {}", sizes, devices, format_bytes(room));
  if (const uint32_t whole_layers = layers_together(planner); whole_layers < planner.model.layers())
    return fail(ErrorCode::out_of_memory, "{}, but in whole layers only for {} of {}", room_text, whole_layers,
                planner.model.layers());
  if (!linked(planner))
    return fail(ErrorCode::unavailable, "{}, but they are not linked in a ring; a stage must reach the next",
                room_text);
  return fail(ErrorCode::out_of_memory, "{}, but no way was found to cut the model so that every part fits", room_text);
}

}  // namespace exogpu::placement
