#include "engine/tensors/weight_places.h"

#include <algorithm>
#include <utility>

#include "model/shard_tensors.h"

namespace exogpu::engine {
namespace {

constexpr size_t tensors_per_layer_max = 48;

std::string shape_text(const std::array<int64_t, 3>& shape) {
  std::string text = std::to_string(shape[0]);
  for (size_t i = 1; i < 3 && shape[i] != 1; ++i) text += " x " + std::to_string(shape[i]);
  return text;
}

// Tensors outside the layers that a shard may not need, and what old converters left in files without any use.
bool belongs_elsewhere(std::string_view name, wire::LayerRange layers) {
  static constexpr std::array<std::string_view, 19> ends = {"token_embd.weight",
                                                            "token_embd_norm.weight",
                                                            "output_norm.weight",
                                                            "output_norm.bias",
                                                            "output.weight",
                                                            "output.bias",
                                                            "rope_freqs.weight",
                                                            "rope_factors_short.weight",
                                                            "rope_factors_long.weight",
                                                            "per_layer_token_embd.weight",
                                                            "per_layer_model_proj.weight",
                                                            "per_layer_proj_norm.weight",
                                                            "altup_proj.weight",
                                                            "altup_unembd_proj.weight",
                                                            "token_embd_norm.bias",
                                                            "token_types.weight",
                                                            "position_embd.weight",
                                                            "dense_2.weight",
                                                            "dense_3.weight"};
  if (std::ranges::contains(ends, name) || name.ends_with(".attn_rot_embd")) return true;
  const auto layer = model::layer_of(name);
  return layer && !layers.contains(*layer);
}

}  // namespace

WeightPlaces::WeightPlaces(const model::Gguf& file, WeightMemory home, size_t n_layers, Slicer slicer, bool budgeted)
    : file_(&file),
      home_(std::move(home)),
      tensors_max_((n_layers + 1) * tensors_per_layer_max),
      slicer_(std::move(slicer)),
      budgeted_(budgeted) {}

Result<model::TensorSlice> WeightPlaces::slice(const model::TensorInfo& info) const {
  return slicer_ ? slicer_(info) : Result<model::TensorSlice>();
}

bool WeightPlaces::has(const std::string& name) const {
  const model::TensorInfo* info = file_->find_tensor(name);
  if (info == nullptr) return false;
  const auto own = slice(*info);
  return !own || !own->is_absent();  // find() returns the error
}

Result<uint64_t> WeightPlaces::width_of(const std::string& name, size_t axis) const {
  const model::TensorInfo* info = file_->find_tensor(name);
  if (info == nullptr) return 0;
  EXO_TRY(const model::TensorSlice own, slice(*info));
  return model::slice_dims(*info, own)[axis];
}

std::span<const std::byte> WeightPlaces::as_one_run(const model::TensorInfo& info) const {
  return model::as_one_run(info, *slice(info), file_->data(info));
}

Bytes WeightPlaces::bytes_of(const model::TensorInfo& info) const { return model::slice_bytes(info, *slice(info)); }

void WeightPlaces::copy(const model::TensorInfo& info, std::span<std::byte> out) const {
  model::copy_slice(info, *slice(info), file_->data(info), out);
}

void WeightPlaces::for_each_run(const model::TensorInfo& info, const std::function<void(model::ByteRun)>& visit) const {
  model::for_each_run(info, *slice(info), visit);
}

Home& WeightPlaces::home_for(ggml_backend_buffer_type_t type) {
  const std::optional<uint32_t> layer = type == nullptr ? std::nullopt : streamed_;
  for (auto& h : homes_)
    if (h->type == type && h->layer == layer) return *h;
  auto& h = homes_.emplace_back(std::make_unique<Home>());
  h->type = type;
  h->layer = layer;
  const size_t most = layer ? 2 * tensors_per_layer_max : tensors_max_;
  h->ctx.reset(ggml_init({.mem_size = most * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
  return *h;
}

Result<const model::TensorInfo*> WeightPlaces::find(const RequiredTensor& required) const {
  const model::TensorInfo* info = file_->find_tensor(required.name);
  if (info == nullptr)
    return fail(ErrorCode::corrupt, "{}: tensor {} is missing", file_->path().string(), required.name);
  auto type = static_cast<ggml_type>(info->type);
  if (type != GGML_TYPE_F32 && ggml_get_type_traits(type)->to_float == nullptr)
    return fail(ErrorCode::unsupported, "{}: tensor {} is of type {}, which cannot be a weight", file_->path().string(),
                required.name, ggml_type_name(type));
  EXO_TRY(const model::TensorSlice own, slice(*info));
  const auto dims = model::slice_dims(*info, own);
  bool same = dims[3] == 1 && !own.is_absent();
  for (size_t i = 0; i < 3; ++i) same = same && std::cmp_equal(dims[i], required.shape[i]);
  if (!same)
    return fail(ErrorCode::corrupt, "{}: tensor {} is {} x {} x {}, but the metadata asks for {}",
                file_->path().string(), required.name, dims[0], dims[1], dims[2], shape_text(required.shape));
  return info;
}

bool WeightPlaces::mappable(const model::TensorInfo& info) const {
  const auto bytes = as_one_run(info);
  return home_.is_cpu() && !bytes.empty() && reinterpret_cast<uintptr_t>(bytes.data()) % 32 == 0;
}

ggml_tensor* WeightPlaces::assign(const HeldWeight& held, std::vector<const model::TensorInfo*> sources,
                                  const std::array<int64_t, 3>& shape) {
  for (const model::TensorInfo* source : sources) used_.insert(source);
  Home& h = home_for(held.home);
  for (const Placed& p : h.placed)
    if (p.sources == sources && p.tensor->type == held.type && std::equal(shape.begin(), shape.end(), p.tensor->ne))
      return p.tensor;
  int n_dims = shape[2] != 1 ? 3 : shape[1] != 1 ? 2 : 1;
  ggml_tensor* tensor = ggml_new_tensor(h.ctx.get(), held.type, n_dims, shape.data());
  ggml_set_name(tensor, sources.front()->name.c_str());
  h.placed.push_back({tensor, std::move(sources)});
  return tensor;
}

Result<HeldWeight> WeightPlaces::held(const model::TensorInfo& info, WeightUse use,
                                      const std::array<int64_t, 3>& shape) const {
  const auto type = static_cast<ggml_type>(info.type);
  if (const auto held = home_.held(use, type, shape)) return *held;
  return fail(ErrorCode::unsupported,
              "{}: tensor {} is of type {}, which this device cannot compute with{}; run it on the CPU "
              "(--device cpu) or use a file in another quantisation",
              file_->path().string(), info.name, ggml_type_name(type), home_.unsupported_reason(use, type, shape));
}

Result<ggml_tensor*> WeightPlaces::add(const RequiredTensor& required, WeightUse use) {
  EXO_TRY(const model::TensorInfo* info, find(required));
  auto type = static_cast<ggml_type>(info->type);
  if ((use == WeightUse::vector || use == WeightUse::small) && type != GGML_TYPE_F32)
    return fail(ErrorCode::unsupported, "{}: tensor {} is {}, but only F32 can be used there", file_->path().string(),
                required.name, ggml_type_name(type));
  EXO_TRY(HeldWeight place, held(*info, use, required.shape));
  const bool stays_mapped = !budgeted_ || use == WeightUse::rows;
  if (place.type == type && place.home == home_.plain() && stays_mapped && mappable(*info)) place.home = nullptr;
  return assign(place, {info}, required.shape);
}

ggml_backend_buffer_type_t WeightPlaces::layout_of(const ggml_tensor* tensor) const {
  for (const auto& h : homes_)
    for (const Placed& p : h->placed)
      if (p.tensor == tensor) return h->type;
  return nullptr;
}

bool WeightPlaces::is_converted(const ggml_tensor* tensor) const {
  return std::ranges::any_of(homes_, [&](const auto& h) {
    return std::ranges::any_of(h->placed, [&](const Placed& p) { return p.tensor == tensor && p.is_converted(); });
  });
}

bool WeightPlaces::is_packed(const ggml_tensor* tensor) const {
  ggml_backend_buffer_type_t layout = layout_of(tensor);
  return layout != nullptr && layout != home_.plain();
}

Result<void> WeightPlaces::check_all_used(wire::LayerRange layers) const {
  for (const model::TensorInfo& t : file_->tensors()) {
    if (used_.contains(&t) || belongs_elsewhere(t.name, layers) || !has(t.name)) continue;
    return fail(ErrorCode::unsupported,
                "{}: tensor {} is not part of this architecture as exogpu knows it; the model may be of a newer kind",
                file_->path().string(), t.name);
  }
  return {};
}

}  // namespace exogpu::engine
