#include "model/shard_tensors.h"

#include <charconv>

namespace exogpu::model {

std::optional<uint32_t> layer_of(std::string_view tensor) {
  if (!tensor.starts_with("blk.")) return std::nullopt;
  uint32_t layer = 0;
  const auto [end, error] = std::from_chars(tensor.data() + 4, tensor.data() + tensor.size(), layer);
  if (error != std::errc() || end == tensor.data() + tensor.size() || *end != '.') return std::nullopt;
  return layer;
}

bool shard_reads(std::string_view tensor, wire::LayerRange layers, uint32_t n_layers, bool tied) {
  if (layers.size() == 0) return false;
  if (const auto layer = layer_of(tensor)) return layers.contains(*layer);
  const bool first = layers.begin == 0, last = layers.end == n_layers;
  if (tensor.starts_with("token_embd.")) return first || (last && tied);
  if (tensor.starts_with("output.") || tensor.starts_with("output_norm.")) return last;
  return true;
}

}  // namespace exogpu::model
