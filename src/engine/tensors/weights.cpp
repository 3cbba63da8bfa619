#include "engine/tensors/weights.h"

#include <cstdint>
#include <map>
#include <utility>

#include "engine/tensors/large_pages.h"
#include "engine/tensors/layer_weights.h"
#include "engine/tensors/weight_loading.h"
#include "engine/tensors/weight_places.h"
#include "engine/tensors/weight_streaming.h"
#include "gpu/guard.h"
#include "gpu/layouts/conversion.h"

namespace exogpu::engine {

struct WeightStore::Impl {
  WeightPlaces places;
  ModelWeights weights;
  ModelWeights prompt_weights;
  Residency residency;
  std::vector<ggml_backend_buffer_ptr> slots;
};

namespace {

Result<ModelWeights> add_all(WeightPlaces& places, const Architecture& a, wire::LayerRange layers, uint32_t context,
                             gpu::LayoutAim aim, const Residency& residency = {}) {
  places.set_aim(aim);
  ModelWeights weights;
  EXO_CHECK(add_ends(places, a, layers, weights));
  EXO_CHECK(add_rope_factors(places, a, context, weights));
  for (uint32_t i = layers.begin; i < layers.end; ++i) {
    const uint32_t index = i - layers.begin;
    places.set_streamed(residency.streams(index) ? std::optional(index) : std::nullopt);
    EXO_TRY(LayerWeights layer, add_layer(places, a, i));
    weights.layers.push_back(std::move(layer));
  }
  places.set_streamed(std::nullopt);
  return weights;
}

}  // namespace

WeightStore::WeightStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WeightStore::WeightStore(WeightStore&&) noexcept = default;
WeightStore& WeightStore::operator=(WeightStore&&) noexcept = default;
WeightStore::~WeightStore() = default;

Result<WeightStore> WeightStore::plan(const model::Gguf& file, const Architecture& a, wire::LayerRange layers,
                                      uint32_t context, const gpu::Device& device, WeightAims aims, Slicer slicer,
                                      Bytes budget) {
  auto impl = std::make_unique<Impl>(WeightPlaces(file, WeightMemory(device, aims.answers), layers.size(), slicer));
  EXO_TRY(impl->weights, add_all(impl->places, a, layers, context, aims.answers));
  impl->prompt_weights = impl->weights;
  if (aims.prompts != aims.answers) {
    EXO_TRY(impl->prompt_weights, add_all(impl->places, a, layers, context, aims.prompts));
  }
  EXO_CHECK(impl->places.check_all_used(layers));
  WeightStore whole(std::move(impl));
  if (budget == 0 || whole.bytes() <= budget) return whole;

  const auto places = [&] {
    return WeightPlaces(file, WeightMemory(device, aims.answers), layers.size(), slicer, true);
  };
  WeightPlaces apart = places();
  const Residency all{.slot_of = std::vector<std::optional<uint32_t>>(layers.size(), 0)};
  EXO_CHECK(add_all(apart, a, layers, context, aims.answers, all));
  auto within = choose_residency(residency_question(apart, layers.size(), budget));
  if (!within) return fail(within.error().code, "{}: {}", file.path().string(), within.error().message);
  impl = std::make_unique<Impl>(places());
  impl->residency = *std::move(within);
  EXO_TRY(impl->weights, add_all(impl->places, a, layers, context, aims.answers, impl->residency));
  impl->prompt_weights = impl->weights;
  return WeightStore(std::move(impl));
}

const ModelWeights& WeightStore::weights() const { return impl_->weights; }
const ModelWeights& WeightStore::prompt_weights() const { return impl_->prompt_weights; }

const Residency& WeightStore::residency() const { return impl_->residency; }

Bytes WeightStore::bytes_streamed() const {
  Bytes total = 0;
  for (const auto& h : impl_->places.homes())
    if (h->layer)
      for (const Placed& p : h->placed)
        for (const model::TensorInfo* source : p.sources) total += impl_->places.bytes_of(*source);
  return total;
}

Bytes WeightStore::bytes() const {
  if (impl_->places.is_budgeted()) return impl_->residency.bytes;
  Bytes total = bytes_mapped();
  for (const auto& h : impl_->places.homes())
    if (h->type != nullptr) total += ggml_backend_alloc_ctx_tensors_from_buft_size(h->ctx.get(), h->type);
  return total;
}

Bytes WeightStore::bytes_mapped() const {
  Bytes total = 0;
  for (const auto& h : impl_->places.homes())
    if (h->type == nullptr)
      for (const Placed& p : h->placed) total += p.bytes();
  return total;
}

std::vector<ConvertedWeights> WeightStore::converted() const {
  std::map<std::pair<ggml_type, ggml_type>, ConvertedWeights> all;
  for (const auto& h : impl_->places.homes())
    for (const Placed& p : h->placed) {
      if (!p.is_converted()) continue;
      const auto type = static_cast<ggml_type>(p.sources.front()->type);
      ConvertedWeights& of = all[{type, p.tensor->type}];
      of.type = ggml_type_name(type);
      of.held_as = ggml_type_name(p.tensor->type);
      of.how = gpu::error_bound(type, p.tensor->type);
      of.tensors += static_cast<uint32_t>(p.sources.size());
      of.bytes += p.bytes();
    }
  std::vector<ConvertedWeights> list;
  for (auto& [types, of] : all) list.push_back(std::move(of));
  return list;
}

void WeightStore::pretend_loaded(bool on) {
  for (auto& h : impl_->places.homes())
    for (Placed& p : h->placed) p.tensor->data = on ? reinterpret_cast<void*>(uintptr_t{4096}) : nullptr;
}

Result<void> WeightStore::load(uint32_t threads, const Progress& progress, const std::stop_token& stop) {
  for (auto& h : impl_->places.homes()) {
    if (h->type == nullptr) {
      EXO_CHECK(map_in_place(impl_->places, *h));
      continue;
    }
    if (h->layer) continue;
    h->buffers.emplace_back(ggml_backend_alloc_ctx_tensors_from_buft(h->ctx.get(), h->type));
    if (h->buffers.back() == nullptr)
      return fail(ErrorCode::out_of_memory, "{}: the weights need {} of {} memory, which could not be allocated",
                  impl_->places.file().path().string(),
                  format_bytes(ggml_backend_alloc_ctx_tensors_from_buft_size(h->ctx.get(), h->type)),
                  ggml_backend_buft_name(h->type));
    ggml_backend_buffer_set_usage(h->buffers.back().get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
    if (impl_->places.home().is_cpu()) prefer_large_pages(h->buffers.back().get());
  }
  EXO_TRY(impl_->slots, place_in_slots(impl_->places, impl_->residency));
  EXO_CHECK(fill_all(impl_->places, threads, progress, stop));
  if (stop.stop_requested()) {
    return fail(ErrorCode::cancelled, "{}: loading was cancelled", impl_->places.file().path().string());
  }
  return {};
}

Result<std::function<Result<void>(uint32_t)>> WeightStore::layer_reader(const gpu::Device& device) const {
  EXO_TRY(std::shared_ptr<LayerReader> reader, LayerReader::create(impl_->places, device, way_for(bytes_streamed())));
  return [reader, &device](uint32_t layer) {
    return gpu::guarded_result(device, "bringing a layer", [&] { return reader->read(layer); });
  };
}

void WeightStore::release_mapped() const {
  for (const auto& h : impl_->places.homes())
    if (h->type == nullptr)
      for (const Placed& p : h->placed) impl_->places.file().release(*p.sources.front());
}

}  // namespace exogpu::engine
