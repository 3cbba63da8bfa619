#include "api/generation/linger.h"

namespace exogpu::api {

Parsed<std::optional<std::chrono::milliseconds>> read_linger(const Fields& fields, bool stream) {
  EXO_TRY(const auto linger, fields.number("linger_s", 0, 3600));
  if (!linger) return std::nullopt;
  if (!stream) return bad_field("linger_s", "invalid_value", "needs stream to be true");
  return std::chrono::milliseconds(static_cast<int64_t>(*linger * 1000));
}

}  // namespace exogpu::api
