#include "gpu/layouts/rates.h"

#include <algorithm>
#include <chrono>

#include "gpu/host.h"
#include "gpu/profile/products.h"

namespace exogpu::gpu {
namespace {

constexpr int kMatvecLevel = 2;  // matrices of 2048 columns, as many pairs as exceed the caches
constexpr int kMatmulLevel = 1;  // of 1024 columns: a pass takes a few hundredths of a second on a small CPU
constexpr int kPromptTokens = 512;
constexpr int kPasses = 3;
constexpr int kMostPairs = 16;

struct Candidate {
  Weights many;
  Weights few;
  ProductGraph matvec;
  ProductGraph matmul;
  double matvec_s = 1e9;
  double matmul_s = 1e9;
};

int pairs_for(const Device& device, ggml_type type, size_t candidates) {
  const double pair = static_cast<double>(pair_bytes(type, kMatvecLevel));
  const double room = static_cast<double>(device.memory().free) / 8 / static_cast<double>(candidates);
  const double wanted = std::max(2.0 * static_cast<double>(read_cache_bytes()), 64.0 * MiB);
  return std::clamp(static_cast<int>(std::min(wanted, room) / pair), 1, kMostPairs);
}

Result<void> run(ProductGraph& graph, double& least_s) {
  EXO_TRY(const double seconds, graph.run());
  least_s = std::min(least_s, std::max(seconds, 1e-9));
  return {};
}

}  // namespace

Result<std::vector<LayoutRates>> measure_layouts(const Device& device, std::string_view type_name,
                                                 std::span<const Layout> layouts) {
  const std::optional<ggml_type> type = weight_type(type_name);
  if (!type) return fail(ErrorCode::unsupported, "\"{}\" is no type of weights", type_name);
  EXO_TRY(Bench bench, Bench::open(device, 0));
  const int pairs = pairs_for(device, *type, layouts.size());
  std::vector<Candidate> candidates;
  for (const Layout& layout : layouts) {
    EXO_TRY(Weights many, Weights::make(bench, *type, kMatvecLevel, pairs, layout.type));
    EXO_TRY(Weights few, Weights::make(bench, *type, kMatmulLevel, 1, layout.type));
    EXO_TRY(ProductGraph matvec, ProductGraph::make(bench, many, pairs, 1));
    EXO_TRY(ProductGraph matmul, ProductGraph::make(bench, few, 1, kPromptTokens));
    candidates.push_back(
        {.many = std::move(many), .few = std::move(few), .matvec = std::move(matvec), .matmul = std::move(matmul)});
  }
  // The first round warms up, and counts like the others.
  for (int pass = 0; pass < kPasses + 1; ++pass) {
    for (Candidate& each : candidates) EXO_CHECK(run(each.matvec, each.matvec_s));
    for (Candidate& each : candidates) EXO_CHECK(run(each.matmul, each.matmul_s));
  }
  std::vector<LayoutRates> rates;
  for (const Candidate& each : candidates) {
    rates.push_back(
        {.matvec_bytes_per_s = static_cast<double>(pair_bytes(*type, kMatvecLevel)) * pairs / each.matvec_s,
         .matmul_flops_per_s = 2.0 * static_cast<double>(pair_elements(kMatmulLevel)) * kPromptTokens / each.matmul_s});
  }
  return rates;
}

}  // namespace exogpu::gpu
