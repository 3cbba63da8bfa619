// What a node does while its machine is short of memory.
#include <algorithm>

#include "base/heap.h"
#include "base/log.h"
#include "cluster/condition.h"
#include "node/node_impl.h"

namespace exogpu::node {

using wire::MemoryPressure;

void Node::Impl::make_memory_guard() { memory_.emplace(host_memory()); }

Bytes Node::Impl::host_memory() const {
  Bytes bytes_all = 0;
  for (const wire::DeviceProfile& device : resources_.devices) {
    if (device.uses_host_memory) bytes_all = std::max(bytes_all, device.memory_free);
  }
  return bytes_all;
}

void Node::Impl::on_memory() {
  const auto now = std::chrono::steady_clock::now();
  const bool is_short = memory_->condition().pressure != MemoryPressure::none;
  if (is_short) {
    log::warning("node", "{}", memory_->text());
  } else {
    log::info("node", "{}", memory_->text());
  }
  if (is_short) model_files_->update_spare(agent_->state(), false, now);
  workers_->set_memory_short(is_short, now);
  update_drivers();
  report_condition();
  if (is_short) in_background([] { give_back_freed_memory(); });
}

// The rings that begin here keep no cached sequences while a node of theirs is short of memory, and cut prompts in
// small chunks while a device of theirs is to stay cool. Answers that wait for the next ring continue with what the
// last one retained.
void Node::Impl::update_drivers() {
  const bool own = memory_->condition().pressure >= MemoryPressure::cached;
  for (const auto& [content, worker] : workers_->all()) {
    if (worker->driver() == nullptr || !worker->plan()) continue;
    const bool given_up = own || cluster::caches_are_given_up(agent_->state().nodes, *worker->plan());
    worker->driver()->keep_cached(requests_->waiting() || !given_up);
    worker->driver()->keep_chunks_small(cluster::chunks_are_small(agent_->state().nodes, *worker->plan()));
  }
}

}  // namespace exogpu::node
