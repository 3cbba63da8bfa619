// What a device makes of the types of a model's weights: it computes with them, converts them when it loads them, or
// cannot have them.
#pragma once

#include <string>

#include "wire/device_profile.h"
#include "wire/model_shape.h"

namespace exogpu::placement {

struct Precision {
  std::string cannot;    // "mxfp4 (experts)": the weights that the device cannot have; empty: there are none
  std::string converts;  // "mxfp4 (experts) to q8_0": what it holds in another type; empty: nothing
  double growth = 1;     // of all weights of the model together: bytes on the device for each byte of the file
};

Precision precision_of(const wire::DeviceProfile& device, const wire::ModelShape& shape);

// The view as a plan for this model needs it: where a device converts weights, its memory holds less of the file, and
// it reads less of the file in a second. The memory for KV cache and scratch counts as if it grew likewise, so that a
// plan is never too large.
wire::ClusterView with_conversions(wire::ClusterView view, const wire::ModelShape& shape);

}  // namespace exogpu::placement
