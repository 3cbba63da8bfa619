#include "engine/tensors/weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <thread>

#include "base/mutex.h"
#include "engine/tensors/weight_home.h"
#include "model/shard_tensors.h"

namespace exogpu::engine {
namespace {

// A tensor of the shard and the file's tensors whose bytes, one after another, fill it.
struct Placed {
  ggml_tensor* tensor = nullptr;
  std::vector<const model::TensorInfo*> sources;
  Bytes bytes() const { return ggml_nbytes(tensor); }
};

// All tensors that share one kind of memory. `type` null: used where the file is mapped.
struct Home {
  ggml_backend_buffer_type_t type = nullptr;
  ggml_context_ptr ctx;
  std::vector<Placed> placed;
  std::vector<ggml_backend_buffer_ptr> buffers;
};

struct Wanted {
  std::string name;
  std::array<int64_t, 3> shape = {1, 1, 1};
};

std::string shape_text(const std::array<int64_t, 3>& shape) {
  std::string text = std::to_string(shape[0]);
  for (size_t i = 1; i < 3 && shape[i] != 1; ++i) text += " x " + std::to_string(shape[i]);
  return text;
}

constexpr size_t tensors_per_layer_max = 24;

// Tensors outside the layers that a shard may not need, and what old converters left in files without any use.
bool belongs_elsewhere(std::string_view name, wire::LayerRange layers) {
  static constexpr std::array<std::string_view, 6> ends = {
      "token_embd.weight", "output_norm.weight",        "output.weight",
      "rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"};
  if (std::ranges::contains(ends, name) || name.ends_with(".attn_rot_embd")) return true;
  const auto layer = model::layer_of(name);
  return layer && !layers.contains(*layer);
}

}  // namespace

struct WeightStore::Impl {
  const model::Gguf* file = nullptr;
  WeightHome home;
  size_t tensors_max;
  std::vector<std::unique_ptr<Home>> homes;
  ModelWeights weights;
  std::set<const model::TensorInfo*> used;

  Impl(const model::Gguf& f, ggml_backend_dev_t device, size_t n_layers)
      : file(&f), home(device), tensors_max((n_layers + 1) * tensors_per_layer_max) {}

  Home& home_for(ggml_backend_buffer_type_t type) {
    for (auto& h : homes)
      if (h->type == type) return *h;
    auto& h = homes.emplace_back(std::make_unique<Home>());
    h->type = type;
    h->ctx.reset(
        ggml_init({.mem_size = tensors_max * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
    return *h;
  }

  bool has(const std::string& name) const { return file->find_tensor(name) != nullptr; }

  Result<const model::TensorInfo*> find(const Wanted& wanted) const {
    const model::TensorInfo* info = file->find_tensor(wanted.name);
    if (info == nullptr)
      return fail(ErrorCode::corrupt, "{}: tensor {} is missing", file->path().string(), wanted.name);
    auto type = static_cast<ggml_type>(info->type);
    if (type != GGML_TYPE_F32 && ggml_get_type_traits(type)->to_float == nullptr)
      return fail(ErrorCode::unsupported, "{}: tensor {} is of type {}, which cannot be a weight",
                  file->path().string(), wanted.name, ggml_type_name(type));
    bool same = info->dims[3] == 1;
    for (size_t i = 0; i < 3; ++i) same = same && std::cmp_equal(info->dims[i], wanted.shape[i]);
    if (!same)
      return fail(ErrorCode::corrupt, "{}: tensor {} is {} x {} x {}, but the metadata asks for {}",
                  file->path().string(), wanted.name, info->dims[0], info->dims[1], info->dims[2],
                  shape_text(wanted.shape));
    return info;
  }

  // Whether the bytes can be used in the mapping: the CPU's kernels want aligned tensors.
  bool mappable(const model::TensorInfo& info) const {
    return home.is_cpu() && reinterpret_cast<uintptr_t>(file->data(info).data()) % 32 == 0;
  }

  ggml_tensor* place(ggml_backend_buffer_type_t type, std::vector<const model::TensorInfo*> sources,
                     const std::array<int64_t, 3>& shape) {
    for (const model::TensorInfo* source : sources) used.insert(source);
    Home& h = home_for(type);
    auto ggml_kind = static_cast<ggml_type>(sources.front()->type);
    int n_dims = shape[2] != 1 ? 3 : shape[1] != 1 ? 2 : 1;
    ggml_tensor* tensor = ggml_new_tensor(h.ctx.get(), ggml_kind, n_dims, shape.data());
    ggml_set_name(tensor, sources.front()->name.c_str());
    h.placed.push_back({tensor, std::move(sources)});
    return tensor;
  }

  Result<ggml_tensor*> add(const Wanted& wanted, WeightUse use) {
    EXO_TRY(const model::TensorInfo* info, find(wanted));
    auto type = static_cast<ggml_type>(info->type);
    if (use == WeightUse::vector && type != GGML_TYPE_F32)
      return fail(ErrorCode::unsupported, "{}: tensor {} is {}, but only F32 can be used there", file->path().string(),
                  wanted.name, ggml_type_name(type));
    if (auto* packed = home.packed(use, type, wanted.shape)) return place(packed, {info}, wanted.shape);
    if (!home.supports(use, type, wanted.shape))
      return fail(ErrorCode::unsupported,
                  "{}: tensor {} is of type {}, which this device cannot compute with; run it on the CPU "
                  "(--device cpu) or use a file in another quantisation",
                  file->path().string(), wanted.name, ggml_type_name(type));
    return place(mappable(*info) ? nullptr : home.plain(), {info}, wanted.shape);
  }

  Result<ggml_tensor*> add_vector(const std::string& name, uint32_t n) {
    return add({name, {n, 1, 1}}, WeightUse::vector);
  }

  // PREFIX.weight, and PREFIX.bias where the file has one.
  Result<Matrix> add_matrix(const std::string& prefix, uint32_t d_in, uint32_t d_out) {
    Matrix m;
    EXO_TRY(m.weight, add({prefix + ".weight", {d_in, d_out, 1}}, WeightUse::matrix));
    if (has(prefix + ".bias")) {
      EXO_TRY(m.bias, add_vector(prefix + ".bias", d_out));
    }
    return m;
  }

  struct PartName {
    std::string prefix;
    uint32_t rows;
  };

  // Whether these may become one matrix: of one type, all or none with a bias, and copied in any case.
  bool joinable(std::span<const PartName> names, uint32_t d_in) const {
    int64_t rows = 0;
    for (const PartName& n : names) rows += n.rows;
    const model::TensorInfo* first = file->find_tensor(names.front().prefix + ".weight");
    if (first == nullptr) return false;
    auto type = static_cast<ggml_type>(first->type);
    for (const PartName& n : names) {
      const model::TensorInfo* info = file->find_tensor(n.prefix + ".weight");
      if (info == nullptr || info->type != first->type) return false;
      if (has(n.prefix + ".bias") != has(names.front().prefix + ".bias")) return false;
    }
    return !home.is_cpu() || home.packed(WeightUse::matrix, type, {d_in, rows, 1}) != nullptr;
  }

  Result<Matrix> join(std::span<const PartName> names, uint32_t d_in) {
    if (names.size() == 1) return add_matrix(names.front().prefix, d_in, names.front().rows);
    std::vector<const model::TensorInfo*> sources;
    std::vector<const model::TensorInfo*> biases;
    int64_t rows = 0;
    for (const PartName& n : names) {
      EXO_TRY(const model::TensorInfo* info, find({n.prefix + ".weight", {d_in, n.rows, 1}}));
      sources.push_back(info);
      if (has(n.prefix + ".bias")) {
        EXO_TRY(const model::TensorInfo* bias, find({n.prefix + ".bias", {n.rows, 1, 1}}));
        if (bias->type != model::TensorType::f32)
          return fail(ErrorCode::unsupported, "{}: tensor {} must be F32", file->path().string(), bias->name);
        biases.push_back(bias);
      }
      rows += n.rows;
    }
    std::array<int64_t, 3> shape = {d_in, rows, 1};
    auto type = static_cast<ggml_type>(sources.front()->type);
    auto* packed = home.packed(WeightUse::matrix, type, shape);
    if (packed == nullptr && !home.supports(WeightUse::matrix, type, shape))
      return fail(ErrorCode::unsupported, "{}: tensor {} is of type {}, which this device cannot compute with",
                  file->path().string(), sources.front()->name, ggml_type_name(type));
    Matrix m;
    m.weight = place(packed != nullptr ? packed : home.plain(), std::move(sources), shape);
    if (!biases.empty()) m.bias = place(home.plain(), std::move(biases), {rows, 1, 1});
    return m;
  }

  // Joins the longest runs of neighbours that may be joined.
  Result<FusedMatrices> fuse(std::span<const PartName> names, uint32_t d_in) {
    FusedMatrices fused;
    for (size_t from = 0; from < names.size();) {
      size_t to = names.size();
      while (to > from + 1 && !joinable(names.subspan(from, to - from), d_in)) --to;
      EXO_TRY(Matrix m, join(names.subspan(from, to - from), d_in));
      uint32_t begin = 0;
      for (size_t i = from; i < to; begin += names[i++].rows)
        fused.parts.push_back({static_cast<uint32_t>(fused.matrices.size()), begin, names[i].rows});
      fused.matrices.push_back(m);
      from = to;
    }
    return fused;
  }

  // In the model's last layer few tokens need queries, so these keep a matrix of their own.
  Result<FusedMatrices> fuse_qkv(std::span<const PartName, 3> names, uint32_t d_in, bool queries_apart) {
    if (!queries_apart) return fuse(names, d_in);
    EXO_TRY(FusedMatrices all, fuse(names.first(1), d_in));
    EXO_TRY(FusedMatrices kv, fuse(names.subspan(1), d_in));
    for (FusedMatrices::Part part : kv.parts) all.parts.push_back({part.matrix + 1, part.begin, part.rows});
    all.matrices.insert(all.matrices.end(), kv.matrices.begin(), kv.matrices.end());
    return all;
  }

  // One tensor of the file that already holds several parts.
  Result<FusedMatrices> split(const std::string& prefix, uint32_t d_in, std::initializer_list<uint32_t> rows) {
    FusedMatrices fused;
    uint32_t begin = 0;
    for (uint32_t n : rows) {
      fused.parts.push_back({0, begin, n});
      begin += n;
    }
    EXO_TRY(Matrix m, add_matrix(prefix, d_in, begin));
    fused.matrices.push_back(m);
    return fused;
  }

  Result<void> add_feed_forward(const Architecture& a, const std::string& block, LayerWeights& layer) {
    if (a.experts.count > 0) {
      int64_t n = a.experts.count;
      int64_t ff = a.experts.d_ff;
      EXO_TRY(layer.router, add({block + "ffn_gate_inp.weight", {a.d_model, n, 1}}, WeightUse::matrix));
      EXO_TRY(layer.experts_gate, add({block + "ffn_gate_exps.weight", {a.d_model, ff, n}}, WeightUse::expert_matrix));
      EXO_TRY(layer.experts_up, add({block + "ffn_up_exps.weight", {a.d_model, ff, n}}, WeightUse::expert_matrix));
      EXO_TRY(layer.experts_down, add({block + "ffn_down_exps.weight", {ff, a.d_model, n}}, WeightUse::expert_matrix));
      return {};
    }
    if (has(block + "ffn_gate.weight")) {
      std::array names = {PartName{block + "ffn_gate", a.d_ff}, PartName{block + "ffn_up", a.d_ff}};
      EXO_TRY(layer.gate_up, fuse(names, a.d_model));
    } else {
      EXO_TRY(layer.gate_up, split(block + "ffn_up", a.d_model, {a.d_ff, a.d_ff}));
    }
    EXO_TRY(layer.down, add_matrix(block + "ffn_down", a.d_ff, a.d_model));
    return {};
  }

  Result<LayerWeights> add_layer(const Architecture& a, uint32_t index) {
    std::string block = "blk." + std::to_string(index) + ".";
    LayerWeights layer;
    if (a.pre_norm) {
      EXO_TRY(layer.attention_norm, add_vector(block + "attn_norm.weight", a.d_model));
      EXO_TRY(layer.feed_forward_norm, add_vector(block + "ffn_norm.weight", a.d_model));
    }
    if (a.post_norm) {
      EXO_TRY(layer.attention_post_norm, add_vector(block + "post_attention_norm.weight", a.d_model));
      EXO_TRY(layer.feed_forward_post_norm, add_vector(block + "post_ffw_norm.weight", a.d_model));
    }
    if (a.qk_norm != QkNorm::none) {
      bool whole = a.qk_norm == QkNorm::whole;
      EXO_TRY(layer.q_norm, add_vector(block + "attn_q_norm.weight", whole ? a.q_width() : a.head_dim_k));
      EXO_TRY(layer.k_norm, add_vector(block + "attn_k_norm.weight", whole ? a.k_width() : a.head_dim_k));
    }
    if (has(block + "attn_qkv.weight")) {
      EXO_TRY(layer.qkv, split(block + "attn_qkv", a.d_model, {a.q_width(), a.k_width(), a.v_width()}));
    } else {
      std::array names = {PartName{block + "attn_q", a.q_width()}, PartName{block + "attn_k", a.k_width()},
                          PartName{block + "attn_v", a.v_width()}};
      EXO_TRY(layer.qkv, fuse_qkv(names, a.d_model, index + 1 == a.n_layers));
    }
    EXO_TRY(layer.attention_out, add_matrix(block + "attn_output", a.n_heads * a.head_dim_v, a.d_model));
    EXO_CHECK(add_feed_forward(a, block, layer));
    return layer;
  }

  // The embedding and the head. Where they are one tensor of the file and the device computes with both in plain
  // memory, they are one here too.
  Result<void> add_ends(const Architecture& a, wire::LayerRange layers) {
    Wanted embedding = {"token_embd.weight", {a.d_model, a.n_vocab, 1}};
    bool is_first = layers.begin == 0;
    bool is_last = layers.end == a.n_layers;
    bool tied = !has("output.weight");
    bool looks_up = false;
    if (is_first) {
      EXO_TRY(const model::TensorInfo* info, find(embedding));
      looks_up = home.supports(WeightUse::rows, static_cast<ggml_type>(info->type), embedding.shape);
    }
    if (is_last) {
      EXO_TRY(weights.output_norm, add_vector("output_norm.weight", a.d_model));
      EXO_TRY(weights.output.weight,
              add({tied ? embedding.name : "output.weight", embedding.shape}, WeightUse::matrix));
    }
    if (!looks_up) return {};
    // A packed matrix cannot be looked up in.
    if (is_last && tied && !is_packed(weights.output.weight)) {
      weights.embedding = weights.output.weight;
    } else {
      EXO_TRY(weights.embedding, add(embedding, WeightUse::rows));
    }
    return {};
  }

  bool is_packed(const ggml_tensor* tensor) const {
    for (const auto& h : homes)
      if (h->type != nullptr && h->type != home.plain())
        for (const Placed& p : h->placed)
          if (p.tensor == tensor) return true;
    return false;
  }

  Result<void> add_rope_factors(const Architecture& a, uint32_t context) {
    const char* by_length = context > a.rope.context_trained ? "rope_factors_long.weight" : "rope_factors_short.weight";
    for (const char* name : {"rope_freqs.weight", by_length}) {
      if (!has(name)) continue;
      EXO_TRY(weights.rope_factors, add_vector(name, a.rope.dims / 2));
      return {};
    }
    return {};
  }

  // A tensor that the family does not know would change what the model says: left out, the answer is silently wrong.
  Result<void> check_nothing_is_left(wire::LayerRange layers) const {
    for (const model::TensorInfo& t : file->tensors()) {
      if (used.contains(&t) || belongs_elsewhere(t.name, layers)) continue;
      return fail(ErrorCode::unsupported,
                  "{}: tensor {} is not part of this architecture as exogpu knows it; the model may be of a newer kind",
                  file->path().string(), t.name);
    }
    return {};
  }

  // Points each mapped tensor into the file.
  Result<void> map_in_place(Home& h, ggml_backend_dev_t device) {
    std::map<uint32_t, std::pair<std::byte*, std::byte*>> extents;  // of each part, page-aligned at the start
    for (const Placed& p : h.placed) {
      auto data = file->data(*p.sources.front());
      auto* begin = const_cast<std::byte*>(data.data());
      begin -= reinterpret_cast<uintptr_t>(begin) % 4096;
      auto [at, fresh] = extents.try_emplace(p.sources.front()->part, begin, begin);
      at->second.first = std::min(at->second.first, begin);
      at->second.second = std::max(at->second.second, const_cast<std::byte*>(data.data()) + data.size());
    }
    std::map<uint32_t, ggml_backend_buffer_t> buffers;
    for (auto& [part, extent] : extents) {
      auto size = static_cast<size_t>(extent.second - extent.first);
      h.buffers.emplace_back(ggml_backend_dev_buffer_from_host_ptr(device, extent.first, size, size));
      if (h.buffers.back() == nullptr)
        return fail(ErrorCode::internal, "{}: the mapped file cannot be used as weights", file->path().string());
      buffers[part] = h.buffers.back().get();
    }
    for (const Placed& p : h.placed) {
      auto* address = const_cast<std::byte*>(file->data(*p.sources.front()).data());
      if (ggml_backend_tensor_alloc(buffers[p.sources.front()->part], p.tensor, address) != GGML_STATUS_SUCCESS)
        return fail(ErrorCode::internal, "{}: tensor {} cannot be used where it is mapped", file->path().string(),
                    p.sources.front()->name);
    }
    return {};
  }

  // Copies one tensor in. Packed layouts must be set whole, so parts are first put together in `scratch`; other host
  // memory is filled in steps, so that little of the file is in this process's memory at a time.
  void fill(const Placed& p, std::vector<std::byte>& scratch, const std::stop_token& stop) const {
    const model::TensorInfo& first = *p.sources.front();
    if (p.sources.size() > 1) {
      scratch.clear();
      for (const auto* source : p.sources) {
        auto data = file->data(*source);
        scratch.insert(scratch.end(), data.begin(), data.end());
        file->release(*source);
      }
      ggml_backend_tensor_set(p.tensor, scratch.data(), 0, scratch.size());
      return;
    }
    Bytes step = ggml_backend_buffer_is_host(p.tensor->buffer) ? 8 * MiB : p.bytes();
    for (Bytes at = 0; at < p.bytes() && !stop.stop_requested(); at += step) {
      ggml_backend_tensor_set(p.tensor, file->data(first).data() + at, at, std::min(step, p.bytes() - at));
      file->release(first);
    }
  }

  void fill_all(uint32_t threads, const Progress& progress, const std::stop_token& stop) {
    std::vector<const Placed*> work;
    Bytes total = 0;
    for (const auto& h : homes) {
      if (h->type == nullptr) continue;
      for (const Placed& p : h->placed) {
        work.push_back(&p);
        total += p.bytes();
      }
    }
    std::atomic<size_t> next = 0;
    Mutex reporting;  // of done and progress
    Bytes done = 0;
    auto worker = [&] {
      std::vector<std::byte> scratch;
      for (size_t i = next++; i < work.size() && !stop.stop_requested(); i = next++) {
        fill(*work[i], scratch, stop);
        const MutexLock lock(reporting);
        done += work[i]->bytes();
        if (progress) progress(done, total);
      }
    };
    std::vector<std::jthread> helpers;
    for (uint32_t i = 1; i < (home.is_cpu() ? threads : 1); ++i) helpers.emplace_back(worker);
    worker();
  }
};

WeightStore::WeightStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WeightStore::WeightStore(WeightStore&&) noexcept = default;
WeightStore& WeightStore::operator=(WeightStore&&) noexcept = default;
WeightStore::~WeightStore() = default;

Result<WeightStore> WeightStore::plan(const model::Gguf& file, const Architecture& a, wire::LayerRange layers,
                                      uint32_t context, ggml_backend_dev_t device) {
  auto impl = std::make_unique<Impl>(file, device, layers.size());
  EXO_CHECK(impl->add_ends(a, layers));
  EXO_CHECK(impl->add_rope_factors(a, context));
  for (uint32_t i = layers.begin; i < layers.end; ++i) {
    EXO_TRY(LayerWeights layer, impl->add_layer(a, i));
    impl->weights.layers.push_back(std::move(layer));
  }
  EXO_CHECK(impl->check_nothing_is_left(layers));
  return WeightStore(std::move(impl));
}

const ModelWeights& WeightStore::weights() const { return impl_->weights; }

Bytes WeightStore::bytes() const {
  Bytes total = bytes_mapped();
  for (const auto& h : impl_->homes)
    if (h->type != nullptr) total += ggml_backend_alloc_ctx_tensors_from_buft_size(h->ctx.get(), h->type);
  return total;
}

Bytes WeightStore::bytes_mapped() const {
  Bytes total = 0;
  for (const auto& h : impl_->homes)
    if (h->type == nullptr)
      for (const Placed& p : h->placed) total += p.bytes();
  return total;
}

void WeightStore::pretend_loaded(bool on) {
  for (auto& h : impl_->homes)
    for (Placed& p : h->placed) p.tensor->data = on ? reinterpret_cast<void*>(uintptr_t{4096}) : nullptr;
}

Result<void> WeightStore::load(uint32_t threads, const Progress& progress, const std::stop_token& stop) {
  for (auto& h : impl_->homes) {
    if (h->type == nullptr) {
      EXO_CHECK(impl_->map_in_place(*h, impl_->home.device()));
      continue;
    }
    h->buffers.emplace_back(ggml_backend_alloc_ctx_tensors_from_buft(h->ctx.get(), h->type));
    if (h->buffers.back() == nullptr)
      return fail(ErrorCode::out_of_memory, "{}: the weights need {} of {} memory, which could not be allocated",
                  impl_->file->path().string(),
                  format_bytes(ggml_backend_alloc_ctx_tensors_from_buft_size(h->ctx.get(), h->type)),
                  ggml_backend_buft_name(h->type));
    ggml_backend_buffer_set_usage(h->buffers.back().get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
  }
  impl_->fill_all(threads, progress, stop);
  if (stop.stop_requested()) {
    return fail(ErrorCode::cancelled, "{}: loading was cancelled", impl_->file->path().string());
  }
  return {};
}

}  // namespace exogpu::engine
