#include "capi/error.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <format>
#include <mutex>

namespace exogpu::capi {
namespace {

constexpr size_t kMessageBytes = 2048;
thread_local std::array<char, kMessageBytes> last_message{};
thread_local int callbacks = 0;
std::atomic<bool> forked = false;

// The bytes of `text` that fit, without half a character at the end.
size_t whole_characters(std::string_view text, size_t room) {
  if (text.size() <= room) return text.size();
  size_t end = room;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return end;
}

}  // namespace

exogpu_code to_code(ErrorCode code) {
  static_assert(static_cast<int>(ErrorCode::invalid_argument) + 1 == EXOGPU_INVALID_ARGUMENT);
  static_assert(static_cast<int>(ErrorCode::internal) + 1 == EXOGPU_INTERNAL);
  return static_cast<exogpu_code>(code) + 1;
}

exogpu_code record(ErrorCode code, std::string_view message) noexcept {
  const size_t length = whole_characters(message, kMessageBytes - 1);
  std::memcpy(last_message.data(), message.data(), length);
  last_message[length] = '\0';
  return to_code(code);
}

Result<void> need(const void* pointer, std::string_view name) {
  if (pointer != nullptr) return {};
  return fail(ErrorCode::invalid_argument, "{} is a null pointer", name);
}

bool is_fork() noexcept { return forked.load(std::memory_order_relaxed); }

void watch_forks() {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { forked = true; }); });
}

InCallback::InCallback() { ++callbacks; }
InCallback::~InCallback() { --callbacks; }

Result<void> refuse_in_callback(std::string_view call) {
  if (callbacks == 0) return {};
  return fail(ErrorCode::failed_precondition,
              "{} waits for the thread that runs this callback; call it from another thread", call);
}

}  // namespace exogpu::capi

extern "C" {

const char* exogpu_last_error() { return exogpu::capi::last_message.data(); }

const char* exogpu_code_name(exogpu_code code) {
  if (code == EXOGPU_OK) return "ok";
  if (code < EXOGPU_INVALID_ARGUMENT || code > EXOGPU_INTERNAL) return "unknown";
  return exogpu::to_string(static_cast<exogpu::ErrorCode>(code - 1)).data();
}
}
