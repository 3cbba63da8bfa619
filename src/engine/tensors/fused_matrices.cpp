#include "engine/tensors/fused_matrices.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace exogpu::engine {
namespace {

// Whether these may become one matrix: of one type, all or none with a bias, and copied in any case.
bool joinable(const WeightPlaces& places, std::span<const PartName> names, uint32_t d_in) {
  int64_t rows = 0;
  for (const PartName& n : names) rows += n.rows;
  const model::TensorInfo* first = places.file().find_tensor(names.front().prefix + ".weight");
  if (first == nullptr) return false;
  auto type = static_cast<ggml_type>(first->type);
  for (const PartName& n : names) {
    const model::TensorInfo* info = places.file().find_tensor(n.prefix + ".weight");
    if (info == nullptr || info->type != first->type) return false;
    if (places.has(n.prefix + ".bias") != places.has(names.front().prefix + ".bias")) return false;
  }
  return !places.home().is_cpu() || places.home().packed(WeightUse::matrix, type, {d_in, rows, 1}) != nullptr;
}

// ggml's repacked layout keeps the order of the rows, packed by eight; its kernels compute up to 16 at a time.
bool keeps_rows(ggml_backend_buffer_type_t layout, std::span<const PartName> names) {
  return layout != nullptr && std::string_view(ggml_backend_buft_name(layout)) == "CPU_REPACK" &&
         std::ranges::all_of(names, [](const PartName& n) { return n.rows % 16 == 0; });
}

bool divisible(const WeightPlaces& places, const FusedMatrices& fused, std::span<const PartName> names) {
  return fused.matrices.size() == 1 && names.size() > 1 &&
         keeps_rows(places.layout_of(fused.matrices.front().weight), names);
}

Result<Matrix> join(WeightPlaces& places, std::span<const PartName> names, uint32_t d_in) {
  if (names.size() == 1) return add_matrix(places, names.front().prefix, d_in, names.front().rows);
  std::vector<const model::TensorInfo*> sources;
  std::vector<const model::TensorInfo*> biases;
  int64_t rows = 0;
  for (const PartName& n : names) {
    EXO_TRY(const model::TensorInfo* info, places.find({n.prefix + ".weight", {d_in, n.rows, 1}}));
    sources.push_back(info);
    if (places.has(n.prefix + ".bias")) {
      EXO_TRY(const model::TensorInfo* bias, places.find({n.prefix + ".bias", {n.rows, 1, 1}}));
      if (bias->type != model::TensorType::f32)
        return fail(ErrorCode::unsupported, "{}: tensor {} must be F32", places.file().path().string(), bias->name);
      biases.push_back(bias);
    }
    rows += n.rows;
  }
  std::array<int64_t, 3> shape = {d_in, rows, 1};
  EXO_TRY(const HeldWeight held, places.held(*sources.front(), WeightUse::matrix, shape));
  Matrix m;
  m.weight = places.assign(held, std::move(sources), shape);
  if (!biases.empty()) m.bias = places.assign({GGML_TYPE_F32, places.home().plain()}, std::move(biases), {rows, 1, 1});
  return m;
}

}  // namespace

Result<Matrix> add_matrix(WeightPlaces& places, const std::string& prefix, uint32_t d_in, uint32_t d_out) {
  Matrix m;
  EXO_TRY(m.weight, places.add({prefix + ".weight", {d_in, d_out, 1}}, WeightUse::matrix));
  if (places.has(prefix + ".bias")) {
    EXO_TRY(m.bias, places.add_vector(prefix + ".bias", d_out));
  }
  return m;
}

Result<Norm> add_norm(WeightPlaces& places, const std::string& prefix, uint32_t n) {
  Norm norm;
  EXO_TRY(norm.weight, places.add_vector(prefix + ".weight", n));
  EXO_TRY(norm.bias, places.add_vector_if(prefix + ".bias", n));
  return norm;
}

Result<FusedMatrices> fuse(WeightPlaces& places, std::span<const PartName> names, uint32_t d_in) {
  FusedMatrices fused;
  for (size_t from = 0; from < names.size();) {
    size_t to = names.size();
    while (to > from + 1 && !joinable(places, names.subspan(from, to - from), d_in)) --to;
    EXO_TRY(Matrix m, join(places, names.subspan(from, to - from), d_in));
    uint32_t begin = 0;
    for (size_t i = from; i < to; begin += names[i++].rows)
      fused.parts.push_back({static_cast<uint32_t>(fused.matrices.size()), begin, names[i].rows});
    fused.matrices.push_back(m);
    from = to;
  }
  fused.divisible = divisible(places, fused, names);
  return fused;
}

Result<FusedMatrices> fuse_qkv(WeightPlaces& places, std::span<const PartName, 3> names, uint32_t d_in,
                               bool queries_apart) {
  if (!queries_apart) return fuse(places, names, d_in);
  EXO_TRY(FusedMatrices all, fuse(places, names.first(1), d_in));
  EXO_TRY(FusedMatrices kv, fuse(places, names.subspan(1), d_in));
  for (FusedMatrices::Part part : kv.parts) all.parts.push_back({part.matrix + 1, part.begin, part.rows});
  all.matrices.insert(all.matrices.end(), kv.matrices.begin(), kv.matrices.end());
  return all;
}

Result<FusedMatrices> split(WeightPlaces& places, const std::string& prefix, uint32_t d_in,
                            std::initializer_list<uint32_t> rows) {
  FusedMatrices fused;
  uint32_t begin = 0;
  for (uint32_t n : rows) {
    fused.parts.push_back({0, begin, n});
    begin += n;
  }
  EXO_TRY(Matrix m, add_matrix(places, prefix, d_in, begin));
  fused.matrices.push_back(m);
  return fused;
}

}  // namespace exogpu::engine
