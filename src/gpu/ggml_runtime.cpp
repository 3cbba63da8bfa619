#include "gpu/ggml_runtime.h"

#include <ggml-backend.h>
#include <ggml.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <format>

#include "base/mutex.h"
#include "gpu/cpu_variant.h"

namespace exogpu::gpu {
namespace {

constexpr size_t kKeptLines = 8;

struct LogState {
  Mutex mutex;
  std::string open_line EXO_GUARDED_BY(mutex);  // text whose newline has not arrived yet
  bool open_is_error EXO_GUARDED_BY(mutex) = false;
  std::deque<std::string> errors EXO_GUARDED_BY(mutex);
};

// Never destroyed: a backend may report while the process ends.
LogState& log_state() {
  static auto* state = new LogState;
  return *state;
}

std::atomic<bool> verbose = false;

void on_ggml_log(ggml_log_level level, const char* text, void*) {
  if (text == nullptr) return;
  if (verbose.load(std::memory_order_relaxed)) std::fputs(text, stderr);
  LogState& state = log_state();
  const MutexLock lock(state.mutex);
  if (level != GGML_LOG_LEVEL_CONT) {
    state.open_line.clear();
    state.open_is_error = level == GGML_LOG_LEVEL_WARN || level == GGML_LOG_LEVEL_ERROR;
  }
  if (!state.open_is_error) return;
  state.open_line += text;
  if (!state.open_line.ends_with('\n')) return;
  while (state.open_line.ends_with('\n')) state.open_line.pop_back();
  if (!state.open_line.empty()) state.errors.push_back(std::move(state.open_line));
  state.open_line.clear();
  if (state.errors.size() > kKeptLines) state.errors.pop_front();
}

// Sets an environment variable for as long as it lives, unless the user has set it or `value` is empty; child processes
// never see it.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, std::string_view value)
      : name_(name), set_(!value.empty() && std::getenv(name) == nullptr) {
    if (set_) set(std::string(value).c_str());
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() {
    if (set_) set(nullptr);
  }

 private:
  void set(const char* value) {
#ifdef _WIN32
    _putenv_s(name_, value == nullptr ? "" : value);
#else
    value == nullptr ? unsetenv(name_) : setenv(name_, value, 1);
#endif
  }
  const char* name_;
  bool set_;
};

Mutex load_mutex;  // of ggml's registry of backends
std::atomic<bool> loaded = false;

}  // namespace

Result<void> load_backends(std::string_view vulkan_devices, bool vulkan_drivers, const std::string& folder) {
  const MutexLock lock(load_mutex);
  if (!loaded) {
    ggml_log_set(on_ggml_log, nullptr);
    ScopedVariable visible("GGML_VK_VISIBLE_DEVICES", vulkan_devices);
    ScopedVariable disabled("VK_LOADER_DRIVERS_DISABLE", vulkan_drivers ? "" : "*");
    try {
      folder.empty() ? ggml_backend_load_all() : ggml_backend_load_all_from_path(folder.c_str());
      EXO_CHECK(load_forced_cpu_variant());
    } catch (const std::exception& e) {
      return fail(ErrorCode::internal, "loading ggml's backends failed: {}", e.what());
    }
    loaded = true;
  }
  if (ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) == nullptr) {
    return fail(ErrorCode::unavailable,
                "ggml found no CPU backend; install ggml's backend libraries beside its library (Debian: libggml1)");
  }
  return {};
}

bool backends_loaded() { return loaded; }

void set_ggml_verbose(bool on) { verbose = on; }

std::string ggml_last_errors() {
  LogState& state = log_state();
  const MutexLock lock(state.mutex);
  std::string joined;
  for (const std::string& line : state.errors) {
    if (!joined.empty()) joined += "; ";
    joined += line;
  }
  return joined;
}

void clear_ggml_last_errors() {
  LogState& state = log_state();
  const MutexLock lock(state.mutex);
  state.errors.clear();
}

std::string ggml_version_text() { return std::format("{} ({})", ggml_version(), ggml_commit()); }

}  // namespace exogpu::gpu
