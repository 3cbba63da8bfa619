#include "engine/tensors/weight_loading.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "base/mutex.h"
#include "engine/tensors/weight_assembly.h"

namespace exogpu::engine {
namespace {

// Copies one tensor in. Packed layouts must be set whole, so parts are first assembled in `scratch`, as is what is
// converted; other host memory is filled in steps, so that little of the file is in this process's memory at a time.
Result<void> fill(const WeightPlaces& places, const Placed& p, Scratch& scratch, const std::stop_token& stop) {
  const model::Gguf& file = places.file();
  const model::TensorInfo& first = *p.sources.front();
  const auto bytes = places.as_one_run(first);
  if (p.sources.size() > 1 || bytes.empty() || p.is_converted()) {
    const ReadTensor read = [&](const model::TensorInfo& source, std::span<std::byte> out) -> Result<void> {
      places.copy(source, out);
      file.release(source);
      return {};
    };
    EXO_TRY(const std::span<const std::byte> whole, assemble(places, p, read, scratch));
    ggml_backend_tensor_set(p.tensor, whole.data(), 0, whole.size());
    return {};
  }
  Bytes step = ggml_backend_buffer_is_host(p.tensor->buffer) ? 8 * MiB : p.bytes();
  for (Bytes at = 0; at < p.bytes() && !stop.stop_requested(); at += step) {
    ggml_backend_tensor_set(p.tensor, bytes.data() + at, at, std::min(step, p.bytes() - at));
    file.release(first);
  }
  return {};
}

}  // namespace

Result<void> map_in_place(const WeightPlaces& places, Home& h) {
  const model::Gguf& file = places.file();
  std::map<uint32_t, std::pair<std::byte*, std::byte*>> extents;  // of each part, page-aligned at the start
  for (const Placed& p : h.placed) {
    auto data = places.as_one_run(*p.sources.front());
    auto* begin = const_cast<std::byte*>(data.data());
    begin -= reinterpret_cast<uintptr_t>(begin) % 4096;
    auto [at, fresh] = extents.try_emplace(p.sources.front()->part, begin, begin);
    at->second.first = std::min(at->second.first, begin);
    at->second.second = std::max(at->second.second, const_cast<std::byte*>(data.data()) + data.size());
  }
  std::map<uint32_t, ggml_backend_buffer_t> buffers;
  for (auto& [part, extent] : extents) {
    auto size = static_cast<size_t>(extent.second - extent.first);
    h.buffers.emplace_back(ggml_backend_dev_buffer_from_host_ptr(places.home().device(), extent.first, size, size));
    if (h.buffers.back() == nullptr)
      return fail(ErrorCode::internal, "{}: the mapped file cannot be used as weights", file.path().string());
    buffers[part] = h.buffers.back().get();
  }
  for (const Placed& p : h.placed) {
    auto* address = const_cast<std::byte*>(places.as_one_run(*p.sources.front()).data());
    if (ggml_backend_tensor_alloc(buffers[p.sources.front()->part], p.tensor, address) != GGML_STATUS_SUCCESS)
      return fail(ErrorCode::internal, "{}: tensor {} cannot be used where it is mapped", file.path().string(),
                  p.sources.front()->name);
  }
  return {};
}

Result<void> fill_all(const WeightPlaces& places, uint32_t threads, const Progress& progress,
                      const std::stop_token& stop) {
  std::vector<const Placed*> work;
  Bytes total = 0;
  for (const auto& h : places.homes()) {
    if (h->type == nullptr || h->layer) continue;
    for (const Placed& p : h->placed) {
      work.push_back(&p);
      total += p.bytes();
    }
  }
  std::atomic<size_t> next = 0;
  Mutex reporting;  // of done, failed and progress
  Bytes done = 0;
  Result<void> failed;
  auto worker = [&] {
    Scratch scratch;
    for (size_t i = next++; i < work.size() && !stop.stop_requested(); i = next++) {
      auto filled = fill(places, *work[i], scratch, stop);
      const MutexLock lock(reporting);
      if (!filled && failed) failed = std::move(filled);
      // Other threads are in the middle of a tensor when `progress` requests a stop.
      if (!failed || stop.stop_requested()) return;
      done += work[i]->bytes();
      if (progress) progress(done, total);
    }
  };
  {
    // None of it on this thread: ggml converts weights for AMX with a team of OpenMP's (gpu/cpu_threads/own_team.h).
    std::vector<std::jthread> workers;
    for (uint32_t i = 0; i < (places.home().is_cpu() ? std::max(1u, threads) : 1); ++i) workers.emplace_back(worker);
  }
  return failed;
}

}  // namespace exogpu::engine
