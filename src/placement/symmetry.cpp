#include "placement/symmetry.h"

#include <algorithm>
#include <numeric>

namespace exogpu::placement {
namespace {

bool same_profile(const CostModel& model, size_t a, size_t b) {
  const wire::DeviceProfile &x = model.view().devices[a], &y = model.view().devices[b];
  auto same_rates = [](const wire::WeightRates& p, const wire::WeightRates& q) {
    return p.bits_per_weight == q.bits_per_weight && p.matvec_bytes_per_s == q.matvec_bytes_per_s &&
           p.matmul_flops_per_s == q.matmul_flops_per_s;
  };
  return x.uses_host_memory == y.uses_host_memory && model.memory_free(a) == model.memory_free(b) &&
         x.memory_bytes_per_s == y.memory_bytes_per_s && x.step_s == y.step_s && x.exchange_s == y.exchange_s &&
         x.exchange_bytes_per_s == y.exchange_bytes_per_s && x.stream_bytes_per_s == y.stream_bytes_per_s &&
         x.upload_bytes_per_s == y.upload_bytes_per_s && x.download_bytes_per_s == y.download_bytes_per_s &&
         std::ranges::equal(x.rates, y.rates, same_rates);
}

}  // namespace

std::vector<size_t> kinds_of(const CostModel& model, std::span<const size_t> usable) {
  std::vector<size_t> kinds(model.devices());
  std::iota(kinds.begin(), kinds.end(), size_t{0});
  std::vector<size_t> of_node(model.devices());  // usable devices, by node
  for (const size_t d : usable) ++of_node[model.node(d)];
  std::vector<size_t> firsts;
  for (const size_t d : usable) {
    for (const size_t first : firsts) {
      if (!same_profile(model, first, d)) continue;
      const bool one_node = model.node(first) == model.node(d);
      const bool alone = of_node[model.node(first)] == 1 && of_node[model.node(d)] == 1;
      if (!one_node && !(alone && model.same_links(first, d))) continue;
      kinds[d] = first;
      break;
    }
    if (kinds[d] == d) firsts.push_back(d);
  }
  return kinds;
}

}  // namespace exogpu::placement
