// The boundary to ggml's backends, some of which throw when a driver fails.
#pragma once

#include <exception>
#include <format>
#include <string_view>
#include <type_traits>

#include "base/result.h"
#include "gpu/device.h"
#include "gpu/ggml_runtime.h"

namespace exogpu::gpu {

// "; ggml says: ..." when it logged something, for the end of an error.
inline std::string ggml_reason() {
  std::string log = ggml_last_errors();
  return log.empty() ? log : "; ggml says: " + log;
}

// Runs `call`; what it throws becomes an Error of `unavailable` that names the device and what was being done.
template <typename Call>
auto guarded(const Device& device, std::string_view doing, Call&& call) -> Result<std::invoke_result_t<Call>> {
  clear_ggml_last_errors();
  std::string what;
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Call>>) {
      call();
      return {};
    } else {
      return call();
    }
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "an unknown exception";
  }
  return fail(ErrorCode::unavailable, "{} ({}): {} failed: {}{}", device.info().id, device.info().name, doing, what,
              ggml_reason());
}

// The same for a `call` that returns a Result itself.
template <typename Call>
auto guarded_result(const Device& device, std::string_view doing, Call&& call) -> std::invoke_result_t<Call> {
  EXO_TRY(auto result, guarded(device, doing, std::forward<Call>(call)));
  return result;
}

}  // namespace exogpu::gpu
