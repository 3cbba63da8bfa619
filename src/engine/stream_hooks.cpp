#include "engine/stream_hooks.h"

#include <algorithm>
#include <utility>

namespace exogpu::engine {

std::vector<bool> cuts_around_streamed(const Residency& residency) {
  std::vector<bool> after(residency.slot_of.size());
  for (uint32_t layer = 0; layer < after.size(); ++layer)
    after[layer] = residency.streams(layer) || residency.streams(layer + 1);
  return after;
}

StreamHooks::StreamHooks(const Residency& residency, uint32_t first_layer, LayerStream::Bring bring,
                         ggml_backend_t backend)
    : residency_(residency),
      first_layer_(first_layer),
      backend_(backend),
      events_(residency.slots),
      stream_(residency, [this, bring = std::move(bring)](uint32_t layer) {
        wait_for_device(*residency_.slot_of[layer]);
        return bring(layer);
      }) {}

// A run that failed has left some held.
Result<void> StreamHooks::before(const Segment& segment) {
  release_outside(segment.layers);
  for (uint32_t i = segment.layers.begin; i < segment.layers.end; ++i) {
    const uint32_t layer = i - first_layer_;
    if (!residency_.streams(layer) || std::ranges::contains(held_, layer)) continue;
    EXO_CHECK(stream_.acquire(layer));
    held_.push_back(layer);
  }
  return {};
}

Result<void> StreamHooks::after(const Segment& segment) {
  if (segment.sum == nullptr) release_outside({});  // else the rest of the layer is in the next segment
  return {};
}

void StreamHooks::release_outside(const wire::LayerRange& layers) {
  std::erase_if(held_, [&](uint32_t layer) {
    if (layers.contains(first_layer_ + layer)) return false;
    release(layer);
    return true;
  });
}

void StreamHooks::release(uint32_t layer) {
  SlotEvent& slot = events_[*residency_.slot_of[layer]];
  ggml_backend_dev_t device = ggml_backend_get_device(backend_);
  if (slot.event == nullptr) slot.event.reset(ggml_backend_event_new(device));
  if (slot.event != nullptr)
    ggml_backend_event_record(slot.event.get(), backend_);
  else
    ggml_backend_synchronize(backend_);
  slot.recorded = slot.event != nullptr;
  stream_.release(layer);
}

void StreamHooks::wait_for_device(uint32_t slot) {
  if (events_[slot].recorded) ggml_backend_event_synchronize(events_[slot].event.get());
}

}  // namespace exogpu::engine
