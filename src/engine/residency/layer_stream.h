// Brings layers into their slots ahead of need, on a thread of its own.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "engine/residency/residency.h"

namespace exogpu::engine {

// What a stream did so far.
struct StreamUse {
  uint64_t layers = 0;                           // brought
  std::chrono::steady_clock::duration read{};    // spent on it
  std::chrono::steady_clock::duration waited{};  // in acquire(), for layers that were not there yet
};

// A slot holds one layer after another, in the order in which they are computed, and from the last one begins with the
// first again. As soon as a layer is released, the next one of its slot is brought, also for the step after this one.
class LayerStream {
 public:
  // Puts a layer into its slot, on the stream's thread. Whatever it returns, the slot's earlier layer is gone.
  using Bring = std::function<Result<void>(uint32_t layer)>;

  LayerStream(const Residency& residency, Bring bring);
  ~LayerStream();
  LayerStream(const LayerStream&) = delete;
  LayerStream& operator=(const LayerStream&) = delete;

  // The functions below are for one thread, and for layers that stream.

  // Waits until the layer is in its slot; it stays there until release(). Precondition: no other layer of this slot is
  // acquired. Errors: those of `bring`, which the next acquire() tries again.
  Result<void> acquire(uint32_t layer);
  void release(uint32_t layer);
  StreamUse use() const;

 private:
  struct Slot {
    std::vector<uint32_t> layers;  // in the order of their computation
    uint32_t wanted = 0;
    std::optional<uint32_t> held = {};
    bool acquired = false;
    Result<void> brought = {};  // an error keeps the slot as it is until it is asked for again
  };

  void run();
  Slot& slot_of(uint32_t layer) EXO_REQUIRES(mutex_) { return slots_[*residency_.slot_of[layer]]; }
  // The slot whose next layer is needed soonest; null where there is nothing to bring.
  Slot* next_slot() EXO_REQUIRES(mutex_);

  const Residency residency_;
  const Bring bring_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Slot> slots_ EXO_GUARDED_BY(mutex_);
  uint32_t position_ EXO_GUARDED_BY(mutex_) = 0;  // the layer that was asked for last
  StreamUse use_ EXO_GUARDED_BY(mutex_);
  bool ending_ EXO_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace exogpu::engine
