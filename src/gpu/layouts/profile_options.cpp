#include "gpu/layouts/profile_options.h"

#include "gpu/layouts/book.h"

namespace exogpu::gpu {

ProfileOptions profile_options(const Device& device, uint32_t threads) {
  ProfileOptions options{.threads = threads};
  if (device.layouts() == nullptr) return options;
  options.layout = [device](std::string_view type) -> std::optional<ggml_backend_buffer_type*> {
    LayoutBook& book = *device.layouts();
    (void)book.check(device, cases_of(device, type, WeightShape::matrix));
    (void)book.measure(device, type);
    const std::vector<Layout> ranked = book.ranked(device, type, WeightShape::matrix, LayoutAim::answers);
    if (ranked.empty()) return std::nullopt;
    return ranked.front().type;
  };
  return options;
}

}  // namespace exogpu::gpu
