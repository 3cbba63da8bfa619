#include "engine/tensors/large_pages.h"

#include <ggml-cpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace exogpu::engine {
namespace {

// The flags of the mapping that holds `address`, as the kernel lists them.
std::string flags_at(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream text(line);
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char dash = 0;
    if (text >> std::hex >> begin >> dash >> end && dash == '-') inside = begin <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line + ' ';
  }
  return {};
}

std::byte* middle_of(ggml_backend_buffer_t buffer) {
  return static_cast<std::byte*>(ggml_backend_buffer_get_base(buffer)) + ggml_backend_buffer_get_size(buffer) / 2;
}

TEST(LargePages, AreAskedForWithinTheBuffer) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) GTEST_SKIP() << "this kernel has no large pages";
  const ggml_backend_buffer_ptr buffer(ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), 64 << 20));
  ASSERT_NE(buffer, nullptr);
  ASSERT_FALSE(flags_at(middle_of(buffer.get())).empty());
  EXPECT_FALSE(flags_at(middle_of(buffer.get())).contains(" hg "));
  prefer_large_pages(buffer.get());
  EXPECT_TRUE(flags_at(middle_of(buffer.get())).contains(" hg "));
}

TEST(LargePages, BuffersSmallerThanAPageStayAsTheyAre) {
  const ggml_backend_buffer_ptr buffer(ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), 64));
  ASSERT_NE(buffer, nullptr);
  prefer_large_pages(buffer.get());
  EXPECT_FALSE(flags_at(middle_of(buffer.get())).contains(" hg "));
}

}  // namespace
}  // namespace exogpu::engine
