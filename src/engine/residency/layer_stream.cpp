#include "engine/residency/layer_stream.h"

#include <algorithm>
#include <utility>

namespace exogpu::engine {

using std::chrono::steady_clock;

LayerStream::LayerStream(const Residency& residency, Bring bring)
    : residency_(residency), bring_(std::move(bring)), slots_(residency.slots) {
  for (uint32_t layer = 0; layer < residency_.slot_of.size(); ++layer)
    if (residency_.streams(layer)) slots_[*residency_.slot_of[layer]].layers.push_back(layer);
  for (Slot& slot : slots_) slot.wanted = slot.layers.front();
  thread_ = std::jthread([this] { run(); });
}

LayerStream::~LayerStream() {
  {
    const MutexLock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
}

Result<void> LayerStream::acquire(uint32_t layer) {
  MutexLock lock(mutex_);
  position_ = layer;
  Slot& slot = slot_of(layer);
  slot.wanted = layer;
  slot.brought = {};
  if (slot.held != layer) {
    changed_.notify_all();
    const auto began = steady_clock::now();
    while (slot.held != layer && slot.brought) changed_.wait(lock);
    use_.waited += steady_clock::now() - began;
  }
  EXO_CHECK(slot.brought);
  slot.acquired = true;
  return {};
}

void LayerStream::release(uint32_t layer) {
  {
    const MutexLock lock(mutex_);
    Slot& slot = slot_of(layer);
    slot.acquired = false;
    const auto next = std::ranges::upper_bound(slot.layers, layer);
    slot.wanted = next == slot.layers.end() ? slot.layers.front() : *next;
  }
  changed_.notify_all();
}

StreamUse LayerStream::use() const {
  const MutexLock lock(mutex_);
  return use_;
}

LayerStream::Slot* LayerStream::next_slot() {
  const auto layers = static_cast<uint32_t>(residency_.slot_of.size());
  const uint32_t position = position_;
  Slot* soonest = nullptr;
  const auto distance = [&](const Slot& slot) { return (slot.wanted + layers - position) % layers; };
  for (Slot& slot : slots_) {
    if (slot.acquired || !slot.brought || slot.held == slot.wanted) continue;
    if (soonest == nullptr || distance(slot) < distance(*soonest)) soonest = &slot;
  }
  return soonest;
}

void LayerStream::run() {
  MutexLock lock(mutex_);
  while (!ending_) {
    Slot* slot = next_slot();
    if (slot == nullptr) {
      changed_.wait(lock);
      continue;
    }
    const uint32_t layer = slot->wanted;
    slot->held.reset();
    lock.unlock();
    const auto began = steady_clock::now();
    auto brought = bring_(layer);
    const auto took = steady_clock::now() - began;
    lock.lock();
    if (brought) slot->held = layer;
    // Of a layer that nobody wants any more an error does not matter.
    if (slot->wanted == layer) slot->brought = std::move(brought);
    ++use_.layers;
    use_.read += took;
    changed_.notify_all();
  }
}

}  // namespace exogpu::engine
