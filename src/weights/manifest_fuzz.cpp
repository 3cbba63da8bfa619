// Any bytes as a model's manifest: refused, or one that has the same bytes again and whose objects lie in their files.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "weights/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace exogpu::weights;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto manifest = decode_manifest(bytes);
  if (!manifest) return 0;
  if (!std::ranges::equal(encode(*manifest), bytes)) std::abort();
  for (ObjectIndex i = 0; i < manifest->object_count(); ++i) {
    const Object object = manifest->object(i);
    const auto file_bytes = manifest->parts.at(object.part).file_bytes;
    if (object.offset > file_bytes || object.bytes > file_bytes - object.offset) std::abort();
    (void)manifest->object_name(i);
  }
  (void)objects_of(*manifest, {.layers = {0, 2}, .n_layers = 2});
  return 0;
}
