// How fast a device multiplies weights of one type in each of several layouts.
#pragma once

#include <span>

#include "gpu/layouts/layout.h"

namespace exogpu::gpu {

struct LayoutRates {
  double matvec_bytes_per_s = 0;  // one token: bytes of the file's weights read
  double matmul_flops_per_s = 0;  // 512 tokens
};

// Measures all layouts by turns, so that what disturbs one of them disturbs the others as well, and takes the fastest
// pass of each. The weights are larger than the caches, as far as an eighth of the free memory allows. Takes some
// tenths of a second. Errors: those of Weights::make() and ProductGraph::run().
Result<std::vector<LayoutRates>> measure_layouts(const Device& device, std::string_view type,
                                                 std::span<const Layout> layouts);

}  // namespace exogpu::gpu
