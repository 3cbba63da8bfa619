#include "cli/inspect/fit.h"

#include <algorithm>
#include <limits>

namespace exogpu::cli {
namespace {

constexpr Bytes kScratch = 128 * MiB;
constexpr uint64_t kContextOfAPart = 4096;  // tokens
constexpr uint64_t kContextLeast = 512;     // tokens; a whole model with fewer is of no use
constexpr uint64_t kContextStep = 256;      // tokens

// Layers that must stream for all others, the head and two slots of layers to fit into `usable`; 0: they do not even if
// all stream. An embedding of its own is looked up in the file.
uint64_t streamed_layers(const model::ModelSummary& model, Bytes usable, uint64_t context) {
  Bytes largest = 0;
  for (const model::LayerSummary& layer : model.layers) largest = std::max(largest, layer.weight_bytes);
  Bytes needed = context * model::kv_bytes_per_token(model.layers, model::TensorType::f16) + model.other_bytes +
                 (model.tied_head ? model.embedding_bytes : model.head_bytes) + 2 * largest;
  if (needed > usable) return 0;
  uint64_t stay = 0;
  for (const model::LayerSummary& layer : model.layers) {
    needed += layer.weight_bytes;
    if (needed > usable) break;
    ++stay;
  }
  return std::max<uint64_t>(2, model.layers.size() - stay);
}

}  // namespace

Fit fit(const model::ModelSummary& model, Bytes free) {
  Bytes reserved = free / 20 + kScratch;
  Bytes usable = free > reserved ? free - reserved : 0;
  uint64_t trained = model.context_length.value_or(std::numeric_limits<uint64_t>::max());
  Bytes kv_per_token = model::kv_bytes_per_token(model.layers, model::TensorType::f16);

  if (model.weight_bytes <= usable) {
    Fit whole{.layers = model.layers.size(), .whole = true, .context_tokens = {}};
    if (!model.kv_known || kv_per_token == 0) return whole;
    uint64_t context = std::min((usable - model.weight_bytes) / kv_per_token, trained);
    if (context < trained) context -= context % kContextStep;
    whole.context_tokens = context;
    if (context >= std::min(kContextLeast, trained)) return whole;
  }

  Fit part;
  uint64_t context = std::min(kContextOfAPart, trained);
  if (model.kv_known) part.context_tokens = context;
  part.streamed = streamed_layers(model, usable, context);
  for (const model::LayerSummary& layer : model.layers) {
    Bytes needed = layer.weight_bytes + context * model::kv_bytes_per_token({layer}, model::TensorType::f16);
    if (needed > usable) break;
    usable -= needed;
    ++part.layers;
  }
  return part;
}

}  // namespace exogpu::cli
