#include "node/term_file.h"

#include <charconv>
#include <string>

#include "security/files.h"

namespace exogpu::node {
namespace {

constexpr const char* kFile = "term";

}  // namespace

Result<uint64_t> read_term_counter(const std::filesystem::path& state) {
  const auto text = security::read_file(state / kFile, 32);
  if (!text && text.error().code == ErrorCode::not_found) return 0;
  if (!text) return std::unexpected(text.error());
  uint64_t counter = 0;
  const char* end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, counter);
  if (read.ec != std::errc() || (read.ptr != end && *read.ptr != '\n')) {
    return fail(ErrorCode::corrupt, "{}: it holds no number; remove it while no node of the cluster runs",
                (state / kFile).string());
  }
  return counter;
}

Result<void> write_term_counter(const std::filesystem::path& state, uint64_t counter) {
  return security::write_secret(state / kFile, std::to_string(counter) + "\n");
}

}  // namespace exogpu::node
