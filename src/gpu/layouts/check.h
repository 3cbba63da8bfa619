// Whether a device computes rightly with weights in a layout: small products, compared with sums in double precision.
#pragma once

#include <functional>

#include "gpu/layouts/layout.h"

namespace exogpu::gpu {

// Computes in this process, which a wrong kernel may end: see child.h. Calls `prepared` before the device is given
// anything to compute; an end of the process until then says nothing about the layout.
LayoutVerdict check_layout(const Device& device, const LayoutCase& which, const std::function<void()>& prepared = {});

// Whether the backend says that it can; nothing is computed. False for a layout or a type that this device lacks.
bool is_supported(const Device& device, const LayoutCase& which);

// The result of a comparison: right if no value is not finite and the squares of the differences are together at most
// `limit` of those of the expected values (the normalised mean square error, as ggml's own tests have it).
LayoutVerdict compare(const std::vector<double>& expected, const std::vector<float>& got, double limit);

}  // namespace exogpu::gpu
