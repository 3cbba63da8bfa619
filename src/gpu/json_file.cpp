#include "gpu/json_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <format>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "base/units.h"

namespace exogpu::gpu {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uintmax_t kFileMax = 4 * MiB;

Result<void> write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(ErrorCode::io_error, "{}", std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(descriptor) != 0) return fail(ErrorCode::io_error, "{}", std::strerror(errno));
  return {};
}

}  // namespace

Result<Json> read_json_file(const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) return Json::object();
  if (status.type() != std::filesystem::file_type::regular) {
    return fail(ErrorCode::io_error, "{}: cannot read the file", file.string());
  }
  if (std::filesystem::file_size(file, error) > kFileMax) {
    return fail(ErrorCode::corrupt, "{}: is larger than {}", file.string(), format_bytes(kFileMax));
  }
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) return fail(ErrorCode::io_error, "{}: cannot be read", file.string());
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::corrupt, "{}: not a JSON object", file.string());
  return json;
}

// Written beside the file and moved over it.
Result<void> write_json_file(const std::filesystem::path& file, const Json& json) {
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  if (error) return fail(ErrorCode::io_error, "{}: {}", file.parent_path().string(), error.message());
  std::filesystem::path beside = file;
  beside += std::format(".{}.tmp", ::getpid());
  int descriptor = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return fail(ErrorCode::io_error, "{}: {}", beside.string(), std::strerror(errno));
  Result<void> written = write_all(descriptor, text);
  ::close(descriptor);
  if (written) {
    std::filesystem::rename(beside, file, error);
    if (error) written = fail(ErrorCode::io_error, "{}", error.message());
  }
  if (written) return {};
  std::filesystem::remove(beside, error);
  return fail(ErrorCode::io_error, "{}: {}", file.string(), written.error().message);
}

}  // namespace exogpu::gpu
