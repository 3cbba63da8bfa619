// A shared library opened at run time, for drivers that a machine may or may not have.
#pragma once

#include <string>

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace exogpu::gpu {

// Never closed: drivers start threads and register exit handlers that must not be pulled away.
class DynamicLibrary {
 public:
  explicit DynamicLibrary(const char* name) {
#ifdef _WIN32
    handle_ = reinterpret_cast<void*>(LoadLibraryA(name));
#else
    handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
#endif
  }

  explicit operator bool() const { return handle_ != nullptr; }

  // Null when the library has no such function.
  template <typename Function>
  Function function(const char* name) const {
    if (handle_ == nullptr) return nullptr;
#ifdef _WIN32
    return reinterpret_cast<Function>(GetProcAddress(static_cast<HMODULE>(handle_), name));
#else
    return reinterpret_cast<Function>(dlsym(handle_, name));
#endif
  }

 private:
  void* handle_ = nullptr;
};

}  // namespace exogpu::gpu
