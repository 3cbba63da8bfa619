#include "gpu/profile/bandwidth.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "gpu/guard.h"
#include "gpu/host.h"
#include "gpu/owned.h"

namespace exogpu::gpu {
namespace {

using MemoryClock = std::chrono::steady_clock;

// Below this the caches of a device, not its memory, would be measured.
constexpr Bytes kMeaningful = 16 * MiB;

double seconds_since(MemoryClock::time_point start) {
  return std::chrono::duration<double>(MemoryClock::now() - start).count();
}

// The least time of a call; of several within `slice_s`, after one that warms up.
template <typename Call>
Result<double> fastest(double slice_s, Call&& call) {
  EXO_CHECK(call());
  double least = 1e9;
  auto start = MemoryClock::now();
  do {
    auto begin = MemoryClock::now();
    EXO_CHECK(call());
    least = std::min(least, std::max(seconds_since(begin), 1e-9));
  } while (seconds_since(start) < slice_s);
  return least;
}

// Runs `part(i)` for i in [0, parts), each on a thread of its own.
template <typename Part>
void in_parallel(size_t parts, const Part& part) {
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < parts; ++i) threads.emplace_back([&part, i] { part(i); });
  part(0);
}

Result<MemoryRates> measure_host(Bench& bench, Bytes most, double slice_s) {
  const size_t parts = bench.threads ? std::max(1U, bench.threads->begin_step()) : 1;
  // Two halves, of which each is far larger than what the caches hold.
  const Bytes half = std::min(most, std::max<Bytes>(8 * read_cache_bytes(), 128 * MiB)) / 2;
  const Bytes each = half / parts / 4096 * 4096;
  MemoryRates rates;
  if (half >= kMeaningful) {
    const auto from = std::make_unique_for_overwrite<std::byte[]>(each * parts);
    const auto to = std::make_unique_for_overwrite<std::byte[]>(each * parts);
    in_parallel(parts, [&](size_t i) {
      std::memset(from.get() + i * each, 1, each);
      std::memset(to.get() + i * each, 1, each);
    });
    // A search for a byte that is not there reads all bytes.
    EXO_TRY(const double read_s, fastest(slice_s, [&]() -> Result<void> {
              in_parallel(parts, [&](size_t i) {
                for (const auto* part : {from.get(), to.get()})
                  if (std::memchr(part + i * each, 0, each) != nullptr) std::memset(from.get() + i * each, 1, each);
              });
              return {};
            }));
    EXO_TRY(const double copy_s, fastest(slice_s, [&]() -> Result<void> {
              in_parallel(parts, [&](size_t i) { std::memcpy(to.get() + i * each, from.get() + i * each, each); });
              return {};
            }));
    const auto moved = 2.0 * static_cast<double>(each * parts);
    rates = {.read_bytes_per_s = moved / read_s, .copy_bytes_per_s = moved / copy_s};
  }
  if (bench.threads) bench.threads->end_step();
  return rates;
}

// Two tensors of floats in one buffer, and a graph that does the same to them several times, so that what it costs to
// start a graph hardly counts.
struct MemoryPasses {
  static constexpr int64_t kRow = 4096;
  static constexpr int kRepeats = 8;

  ContextOwner context = make_context(64);
  ggml_tensor* from = nullptr;
  ggml_tensor* to = nullptr;
  BufferOwner buffer;

  // Null buffer: no room.
  static MemoryPasses make(ggml_backend_dev_t device, Bytes half) {
    MemoryPasses passes;
    const auto rows = static_cast<int64_t>(half / sizeof(float)) / kRow;
    passes.from = ggml_new_tensor_2d(passes.context.get(), GGML_TYPE_F32, kRow, rows);
    passes.to = ggml_new_tensor_2d(passes.context.get(), GGML_TYPE_F32, kRow, rows);
    passes.buffer.reset(
        ggml_backend_alloc_ctx_tensors_from_buft(passes.context.get(), ggml_backend_dev_buffer_type(device)));
    // The bytes of a small normal number: neither zeros, which some memories store compressed, nor a NaN.
    if (passes.buffer) ggml_backend_buffer_clear(passes.buffer.get(), 1);
    return passes;
  }
};

enum class Pass { read, copy };

// Bytes per second; 0 where the backend has no such operation.
Result<double> measure_passes(Bench& bench, const MemoryPasses& memory, Pass pass, double slice_s) {
  const ContextOwner context = make_context(64);
  ggml_cgraph* graph = ggml_new_graph_custom(context.get(), 64, false);
  for (int i = 0; i < MemoryPasses::kRepeats; ++i) {
    ggml_tensor* node = pass == Pass::read ? ggml_sum_rows(context.get(), memory.from)
                                           : ggml_cpy(context.get(), memory.from, memory.to);
    if (!ggml_backend_dev_supports_op(bench.device.handle(), node)) return 0.0;
    ggml_set_output(node);
    ggml_build_forward_expand(graph, node);
  }
  const AllocatorOwner allocator(ggml_gallocr_new(ggml_backend_get_default_buffer_type(bench.backend.get())));
  if (allocator == nullptr || !ggml_gallocr_alloc_graph(allocator.get(), graph)) return 0.0;
  EXO_TRY(const double seconds, fastest(slice_s, [&]() -> Result<void> {
            const ggml_status status = ggml_backend_graph_compute(bench.backend.get(), graph);
            if (status == GGML_STATUS_SUCCESS) return {};
            return fail(ErrorCode::unavailable, "{} ({}): measuring its memory failed with ggml's status {}{}",
                        bench.device.info().id, bench.device.info().name, static_cast<int>(status), ggml_reason());
          }));
  const double touched = pass == Pass::read ? 1 : 2;
  return touched * MemoryPasses::kRepeats * static_cast<double>(ggml_nbytes(memory.from)) / seconds;
}

Result<MemoryRates> measure_device(Bench& bench, Bytes most, double slice_s) {
  MemoryRates rates;
  if (most / 2 < kMeaningful) return rates;
  const MemoryPasses memory = MemoryPasses::make(bench.device.handle(), most / 2);
  if (!memory.buffer) return rates;
  EXO_TRY(rates.read_bytes_per_s, measure_passes(bench, memory, Pass::read, slice_s));
  EXO_TRY(rates.copy_bytes_per_s, measure_passes(bench, memory, Pass::copy, slice_s));
  return rates;
}

}  // namespace

Result<MemoryRates> measure_memory(Bench& bench, Bytes most, double slice_s) {
  if (bench.device.info().kind == DeviceKind::cpu) return measure_host(bench, most, slice_s);
  return guarded_result(bench.device, "measuring its memory", [&] { return measure_device(bench, most, slice_s); });
}

}  // namespace exogpu::gpu
