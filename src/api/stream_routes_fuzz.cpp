// Whatever follows /v1/stream/ is refused with a reason, or names one stream and an offset.
#include <cstdint>
#include <cstdlib>

#include "api/stream_routes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view path(reinterpret_cast<const char*>(data), size);
  const size_t query_at = path.find('?');
  const auto target = exogpu::api::read_stream_target(
      path.substr(0, query_at), query_at == path.npos ? std::string_view() : path.substr(query_at + 1));
  if (target) {
    const auto same = exogpu::api::read_stream_target(exogpu::api::stream_id_text(target->stream),
                                                      "from=" + std::to_string(target->from));
    if (!same || *same != *target) std::abort();
  } else if (target.error().message.empty() || target.error().status != 400) {
    std::abort();
  }
  return 0;
}
