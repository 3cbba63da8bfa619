#include "placement/streaming.h"

#include <algorithm>
#include <cmath>

#include "placement/preferences.h"
#include "placement/ring.h"

namespace exogpu::placement {
namespace {

// For the thread that reads: what is read at once, and a tensor that is packed again.
constexpr Bytes kRoomToRead = 64 * MiB;
constexpr Bytes kSlots = 2;

struct Streamed {
  wire::StageMemory memory;
  uint32_t layers = 0;
  Bytes bytes = 0;
};

// As many layers as fit beside two slots, the caches of all, and the head stay; the embedding is looked up in the file.
std::optional<Streamed> streamed_on(const CostModel& model, size_t device) {
  const wire::ModelShape& shape = model.shape();
  const wire::StageMemory whole = model.memory({0, model.layers()});
  const Bytes others = whole.cache + whole.compute + kRoomToRead;
  const Bytes free = model.memory_free(device);
  Bytes all = 0, largest = 0;
  for (const wire::LayerShape& layer : shape.layers) {
    all += layer.weight_bytes;
    largest = std::max(largest, layer.weight_bytes);
  }
  const Bytes always = shape.head_bytes + kSlots * largest;
  if (free < others + always) return std::nullopt;
  const Bytes budget = free - others;
  const Bytes stay = std::min(budget - always, all);
  Streamed streamed{.memory = {.weights = budget, .cache = whole.cache, .compute = whole.compute + kRoomToRead}};
  streamed.bytes = std::max(all - stay, std::min(all, (kSlots + 1) * largest));
  streamed.layers = static_cast<uint32_t>(std::ceil(static_cast<double>(streamed.bytes) * model.layers() / all));
  return streamed;
}

// The device alone, as if it had memory for all.
Result<PlacementResult> in_memory_of(const CostModel& model, size_t device, const AssignInMemory& assign) {
  const wire::DeviceRef id = model.view().devices[device].id;
  wire::ClusterView view{.devices = {model.view().devices[device]}, .links = {}};
  view.devices.front().memory_free = model.memory({0, model.layers()}).total();
  PlacementRequest request = model.request();
  request.excluded.clear();
  request.memory_spared.clear();
  std::erase_if(request.rules, [&](const DeviceRule& rule) { return rule.device != id; });
  return assign(view, model.shape(), request);
}

// A step takes at least as long as reading what streams; a prompt's chunk is a step.
void stream(wire::Plan& plan, const Streamed& streamed, double bytes_per_s, const PlacementRequest& request) {
  wire::Stage& stage = plan.stages.front();
  stage.memory = streamed.memory;
  stage.layers_streamed = streamed.layers;
  stage.bytes_streamed = streamed.bytes;
  const double read_s = static_cast<double>(streamed.bytes) / bytes_per_s;
  stage.decode_s = std::max(stage.decode_s, read_s);
  wire::PredictedSpeed& speed = plan.predicted;
  speed.tokens_per_s_alone = std::min(speed.tokens_per_s_alone, 1 / read_s);
  speed.tokens_per_s_parallel = std::min(speed.tokens_per_s_parallel, request.serving.sequences / read_s);
  const double chunks = std::ceil(static_cast<double>(prompt_of(request)) / request.serving.batch_tokens);
  speed.first_token_s = std::max(speed.first_token_s, chunks * read_s);
}

void add_others(const CostModel& model, const wire::DeviceRef& used, PlacementResult& result) {
  result.alternatives.clear();
  for (const wire::DeviceProfile& device : model.view().devices)
    if (device.id != used)
      result.unused.push_back(
          {.device = device.id,
           .constraint = "memory",
           .reason = "no devices have memory for all layers, and one that streams some works alone"});
}

}  // namespace

std::optional<PlacementResult> plan_that_streams(const CostModel& model, const AssignInMemory& assign) {
  std::optional<PlacementResult> best;
  for (size_t d = 0; d < model.devices(); ++d) {
    const wire::DeviceProfile& device = model.view().devices[d];
    const bool group = device.exchange_s > 0 || device.exchange_bytes_per_s > 0;
    if (device.stream_bytes_per_s == 0 || group || std::ranges::contains(model.request().excluded, device.id)) continue;
    const auto streamed = streamed_on(model, d);
    if (!streamed) continue;
    auto found = in_memory_of(model, d, assign);
    if (!found) continue;
    stream(found->plan, *streamed, device.stream_bytes_per_s, model.request());
    if (!best || better(found->plan, best->plan, model.request().serving.objective)) best = *std::move(found);
  }
  if (best) add_others(model, best->plan.stages.front().device, *best);
  return best;
}

}  // namespace exogpu::placement
