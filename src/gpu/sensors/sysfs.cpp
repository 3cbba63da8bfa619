#include "gpu/sensors/sysfs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <system_error>

#include "gpu/text.h"

namespace exogpu::gpu {

namespace fs = std::filesystem;

std::optional<std::string> read_text(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return std::nullopt;  // opening a pipe could wait for ever
  std::ifstream in(file, std::ios::binary);
  std::array<char, 4096> buffer;
  in.read(buffer.data(), buffer.size());
  if (in.bad() || in.gcount() == 0) return std::nullopt;
  return std::string(trim({buffer.data(), static_cast<size_t>(in.gcount())}));
}

std::optional<int64_t> integer_of(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> read_integer(const fs::path& file) {
  const auto text = read_text(file);
  return text ? integer_of(*text) : std::nullopt;
}

std::vector<fs::path> entries(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(prefix)) found.push_back(it->path());
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace exogpu::gpu
