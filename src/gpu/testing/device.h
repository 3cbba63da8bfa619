// The devices that tests of this room run on.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <print>
#include <string>

#include "gpu/device.h"

namespace exogpu::gpu {

// The first device of a backend here, software renderers included.
inline std::optional<Device> test_device(const std::string& backend) {
  auto machine = Machine::discover({.backend = {}, .software = true});
  if (!machine) return std::nullopt;
  for (const Device& device : machine->devices()) {
    if (device.info().backend == backend) return device;
  }
  return std::nullopt;
}

// A test that is run on each backend, and skipped where it has no device.
class OnEachBackend : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    device_ = test_device(GetParam());
    if (!device_) GTEST_SKIP() << "no " << GetParam() << " device on this machine";
  }
  std::optional<Device> device_;
};

inline auto backend_name(const ::testing::TestParamInfo<const char*>& info) { return std::string(info.param); }

// Bytes of this process in the host's memory; 0 where it is unknown.
inline Bytes resident_bytes() {
  std::ifstream in("/proc/self/statm");
  Bytes pages = 0;
  Bytes resident = 0;
  in >> pages >> resident;
  return resident * static_cast<Bytes>(sysconf(_SC_PAGESIZE));
}

// Runs a function that returns an error message or nothing, in a process of its own: backends are loaded once in a
// process, and limits of a process stay.
#define EXPECT_IN_NEW_PROCESS(...)                                               \
  do {                                                                           \
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";                      \
    EXPECT_EXIT(                                                                 \
        {                                                                        \
          std::string problem = (__VA_ARGS__)();                                 \
          std::println(stderr, "{}", problem.empty() ? "all is well" : problem); \
          std::_Exit(problem.empty() ? 0 : 1);                                   \
        },                                                                       \
        ::testing::ExitedWithCode(0), "all is well");                            \
  } while (false)

}  // namespace exogpu::gpu
