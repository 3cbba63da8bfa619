// Has each layer that streams in its slot while it is computed.
#pragma once

#include <ggml-cpp.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/residency/layer_stream.h"
#include "engine/segment_hooks.h"

namespace exogpu::engine {

// For graphs that are cut around each layer that streams, so that the layers before it are computed while it is read.
std::vector<bool> cuts_around_streamed(const Residency& residency);

class StreamHooks final : public SegmentHooks {
 public:
  // `first_layer` of the shard; `bring` reads a layer, counted from that one. Borrows the backend.
  StreamHooks(const Residency& residency, uint32_t first_layer, LayerStream::Bring bring, ggml_backend_t backend);

  // Errors: those of `bring`.
  Result<void> before(const Segment& segment) override;
  Result<void> after(const Segment& segment) override;
  StreamUse use() const { return stream_.use(); }

 private:
  // A device with a queue computes with a slot after it was told to. What it was told by then is done when this event
  // is; or at once, on a device without such events.
  struct SlotEvent {
    ggml_backend_event_ptr event;
    bool recorded = false;
  };

  void release_outside(const wire::LayerRange& layers);
  void release(uint32_t layer);
  void wait_for_device(uint32_t slot);

  const Residency residency_;
  uint32_t first_layer_;
  ggml_backend_t backend_;
  std::vector<SlotEvent> events_;  // of each slot; used by one thread at a time, as LayerStream hands the slot over
  std::vector<uint32_t> held_;     // layers, counted from the shard's first
  LayerStream stream_;
};

}  // namespace exogpu::engine
