#include "engine/tensors/weight_streaming.h"

#include <algorithm>
#include <utility>

#include "engine/tensors/large_pages.h"
#include "gpu/host.h"

namespace exogpu::engine {
namespace {

constexpr Bytes kStep = 8 * MiB;

Bytes home_bytes(const Home& home) { return ggml_backend_alloc_ctx_tensors_from_buft_size(home.ctx.get(), home.type); }

// The memory of layers that stream.
std::vector<ggml_backend_buffer_type_t> streamed_types(const WeightPlaces& places) {
  std::vector<ggml_backend_buffer_type_t> types;
  for (const auto& home : places.homes())
    if (home->layer && !std::ranges::contains(types, home->type)) types.push_back(home->type);
  return types;
}

// A single run of the file's bytes that nothing converts, in the order in which the device has them.
bool is_plain(const WeightPlaces& places, const Placed& p) {
  return p.sources.size() == 1 && !p.is_converted() &&
         ggml_backend_buffer_get_type(p.tensor->buffer) == places.home().plain();
}

// Some kernels read beyond the end of a tensor and expect zeros, where now may be what another layer left. A backend
// writes them when a tensor is given its place, so a twin is.
void clear_padding(const ggml_tensor& tensor) {
  if (ggml_backend_buffer_get_alloc_size(tensor.buffer, &tensor) == ggml_nbytes(&tensor)) return;
  ggml_tensor twin = tensor;
  twin.buffer = nullptr;
  twin.data = nullptr;
  ggml_backend_tensor_alloc(tensor.buffer, &twin, tensor.data);
}

Result<void> place_in_slot(const WeightPlaces& places, const Residency& residency, uint32_t slot,
                           ggml_backend_buffer_type_t type, std::vector<ggml_backend_buffer_ptr>& buffers) {
  const auto in_slot = [&](const auto& home) {
    return home->type == type && home->layer && residency.slot_of[*home->layer] == slot;
  };
  Bytes most = 0;
  for (const auto& home : places.homes())
    if (in_slot(home)) most = std::max(most, home_bytes(*home));
  if (most == 0) return {};
  ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(type, most);
  if (buffer == nullptr)
    return fail(ErrorCode::out_of_memory, "{}: layers that stream need {} of {} memory, which could not be allocated",
                places.file().path().string(), format_bytes(most), ggml_backend_buft_name(type));
  buffers.emplace_back(buffer);
  ggml_backend_buffer_set_usage(buffer, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
  if (places.home().is_cpu()) prefer_large_pages(buffer);
  for (const auto& home : places.homes()) {
    if (!in_slot(home)) continue;
    ggml_tallocr place = ggml_tallocr_new(buffer);
    for (const Placed& p : home->placed) ggml_tallocr_alloc(&place, p.tensor);
  }
  return {};
}

}  // namespace

ResidencyQuestion residency_question(const WeightPlaces& places, uint32_t n_layers, Bytes budget) {
  const std::vector<ggml_backend_buffer_type_t> types = streamed_types(places);
  ResidencyQuestion q{.budget = budget, .layers = {n_layers, std::vector<Bytes>(types.size())}};
  Bytes scratch = 0;
  for (const auto& home : places.homes()) {
    if (home->type == nullptr) continue;
    if (!home->layer) {
      q.always += home_bytes(*home);
      continue;
    }
    const auto kind = static_cast<size_t>(std::ranges::find(types, home->type) - types.begin());
    q.layers[*home->layer][kind] = home_bytes(*home);
    for (const Placed& p : home->placed)
      if (p.sources.size() > 1 || p.is_converted() || home->type != places.home().plain())
        scratch = std::max(scratch, scratch_bytes(places, p));
  }
  q.always += scratch;
  return q;
}

Result<std::vector<ggml_backend_buffer_ptr>> place_in_slots(const WeightPlaces& places, const Residency& residency) {
  std::vector<ggml_backend_buffer_ptr> buffers;
  for (uint32_t slot = 0; slot < residency.slots; ++slot)
    for (ggml_backend_buffer_type_t type : streamed_types(places))
      EXO_CHECK(place_in_slot(places, residency, slot, type, buffers));
  return buffers;
}

Result<std::unique_ptr<LayerReader>> LayerReader::create(const WeightPlaces& places, const gpu::Device& device,
                                                         model::ReadWay way) {
  std::unique_ptr<LayerReader> reader(new LayerReader(places, way));
  for (const auto& home : places.homes()) {
    if (!home->layer) continue;
    reader->layers_.resize(std::max<size_t>(reader->layers_.size(), *home->layer + 1));
    for (const Placed& p : home->placed) reader->layers_[*home->layer].push_back(&p);
  }
  const auto in_file = [](const Placed* p) { return std::pair(p->sources.front()->part, p->sources.front()->offset); };
  for (auto& layer : reader->layers_) std::ranges::sort(layer, {}, in_file);
  if (!ggml_backend_buft_is_host(places.home().plain())) {
    EXO_TRY(gpu::HostBuffer step, gpu::HostBuffer::allocate(device, kStep));
    reader->step_.emplace(std::move(step));
  }
  return reader;
}

Result<void> LayerReader::read(uint32_t layer) {
  for (const Placed* p : layers_[layer]) {
    auto filled = fill(*p);
    // The better reason, if it has one.
    EXO_CHECK(places_->file().check());
    EXO_CHECK(filled);
  }
  return {};
}

Result<void> LayerReader::fill(const Placed& p) {
  const model::TensorInfo& first = *p.sources.front();
  if (is_plain(*places_, p)) {
    if (step_) return fill_in_steps(p);
    return read_tensor(first, {static_cast<std::byte*>(p.tensor->data), p.bytes()});
  }
  const ReadTensor read = [this](const model::TensorInfo& source, std::span<std::byte> out) {
    return read_tensor(source, out);
  };
  EXO_TRY(const std::span<const std::byte> whole, assemble(*places_, p, read, scratch_));
  ggml_backend_tensor_set(p.tensor, whole.data(), 0, whole.size());
  if (step_) clear_padding(*p.tensor);
  return {};
}

Result<void> LayerReader::read_tensor(const model::TensorInfo& source, std::span<std::byte> out) {
  Result<void> done;
  places_->for_each_run(source, [&](model::ByteRun run) {
    if (done) done = file_.read(source.part, source.offset + run.begin, out.first(run.bytes));
    out = out.subspan(run.bytes);
  });
  return done;
}

Result<void> LayerReader::fill_in_steps(const Placed& p) {
  const model::TensorInfo& source = *p.sources.front();
  const std::span<std::byte> step = step_->bytes();
  Result<void> done;
  Bytes at = 0;
  places_->for_each_run(source, [&](model::ByteRun run) {
    for (Bytes from = 0; from < run.bytes && done; from += step.size()) {
      const std::span<std::byte> bytes = step.first(std::min<Bytes>(step.size(), run.bytes - from));
      done = file_.read(source.part, source.offset + run.begin + from, bytes);
      if (done) ggml_backend_tensor_set(p.tensor, bytes.data(), at, bytes.size());
      at += bytes.size();
    }
  });
  clear_padding(*p.tensor);
  return done;
}

model::ReadWay way_for(Bytes streamed) {
  const gpu::MemoryInfo host = gpu::read_host_memory();
  return host.free > 0 && streamed > host.free / 2 ? model::ReadWay::direct : model::ReadWay::cached;
}

}  // namespace exogpu::engine
