#include "engine/shard_fit.h"

#include <ggml.h>

#include <algorithm>
#include <format>
#include <vector>

#include "engine/shard_setup.h"
#include "engine/tensors/kv_cache.h"

namespace exogpu::engine {
namespace {

// For the thread that reads layers that stream, beside the budget of weights.
constexpr Bytes kRoomToRead = 64 * MiB;

// The options that, made smaller, would fit into `available` bytes; empty when none does.
std::string remedy_for(const FitQuestion& q, Bytes available) {
  const MemoryNeed& need = q.need;
  std::vector<std::string> ways;
  Bytes fixed = need.weights + need.state + need.compute;
  if (fixed < available && need.cache > 0) {
    const bool shares = q.options.pool_tokens > 0;
    const Bytes per_row = need.cache / q.options.cache_rows();
    const Bytes tokens = (available - fixed) / per_row / (shares ? 1 : q.options.sequences) / 256 * 256;
    if (tokens >= 256)
      ways.push_back(shares ? std::format("a pool of {} tokens (--pool)", tokens)
                            : std::format("a context of {} (--context)", tokens));
  }
  if (need.cache > 0 && q.options.kv_type != KvType::q8_0 &&
      check_cache_type(q.architecture, KvType::q8_0, q.flash_attention)) {
    Bytes smaller = need.cache * ggml_row_size(GGML_TYPE_Q8_0, 32) / ggml_row_size(to_ggml(q.options.kv_type), 32);
    if (fixed + smaller <= available) ways.emplace_back("a q8_0 KV cache (--kv-type q8_0)");
  }
  Bytes per_layer = std::max<Bytes>(1, (need.weights + need.cache + need.state) / q.layers.size());
  Bytes fitting = available > need.compute ? (available - need.compute) / per_layer : 0;
  if (fitting > 0 && fitting < q.layers.size())
    ways.push_back(std::format("about {} of these layers, the rest on another device", fitting));
  // With less than a quarter of the weights in memory, there may be no room for a single layer beside the ends.
  const Bytes others = need.cache + need.state + need.compute + kRoomToRead;
  const bool whole = q.layers.size() == q.architecture.n_layers && need.layers_streamed == 0;
  if (whole && available > others + need.weights / 4)
    ways.push_back(
        std::format("layers that are read again for each step (--memory-max {}MiB)", (available - others) / MiB));
  std::string text;
  for (const std::string& way : ways) text += (text.empty() ? "" : ", or ") + way;
  return text;
}

}  // namespace

Result<void> check_fit(const FitQuestion& q, Bytes available) {
  const MemoryNeed& need = q.need;
  if (need.total() <= available) return {};
  std::string remedy = remedy_for(q, available);
  return fail(ErrorCode::out_of_memory,
              "{}: layers {} to {} need {} on {} (weights {}, KV cache {}, compute {}), and {} are free: {} bytes are "
              "missing. What would fit: {}",
              q.file, q.layers.begin, q.layers.end, format_bytes(need.total()), q.device, format_bytes(need.weights),
              format_bytes(need.cache + need.state), format_bytes(need.compute), format_bytes(available),
              format_count(need.total() - available),
              remedy.empty() ? "a smaller model, or a device with more memory" : remedy);
}

}  // namespace exogpu::engine
