#include "security/audit/files.h"

#include <algorithm>
#include <functional>
#include <system_error>

#include "security/audit/chain.h"
#include "security/files.h"

namespace exogpu::security {
namespace {

constexpr std::string_view kNameBegin = "audit-", kNameEnd = ".jsonl";
constexpr size_t kNameDigits = 20;

}  // namespace

std::filesystem::path audit_file(const std::filesystem::path& folder, uint64_t first) {
  return folder / std::format("{}{:020}{}", kNameBegin, first, kNameEnd);
}

std::optional<uint64_t> first_of_audit_file(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  if (name.size() != kNameBegin.size() + kNameDigits + kNameEnd.size() || !name.starts_with(kNameBegin) ||
      !name.ends_with(kNameEnd)) {
    return std::nullopt;
  }
  const char* begin = name.data() + kNameBegin.size();
  uint64_t first = 0;
  const auto [end, failure] = std::from_chars(begin, begin + kNameDigits, first);
  if (failure != std::errc() || end != begin + kNameDigits) return std::nullopt;
  return first;
}

Result<std::vector<std::filesystem::path>> audit_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) return files;
  for (std::filesystem::directory_iterator at(folder, error); !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    if (first_of_audit_file(at->path())) files.push_back(at->path());
  }
  if (error) return fail(ErrorCode::io_error, "{}: cannot be read: {}", folder.string(), error.message());
  std::ranges::sort(files);
  return files;
}

Result<void> for_each_audit_line(const std::filesystem::path& folder,
                                 const std::function<bool(std::string_view line)>& take) {
  EXO_TRY(const auto files, audit_files(folder));
  for (const std::filesystem::path& file : files) {
    EXO_TRY(const std::string text, read_file(file, kAuditFileBytesMax));
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      if (!take(std::string_view(text).substr(at, end - at))) return {};
      at = end + 1;
    }
  }
  return {};
}

Result<std::vector<std::string>> read_audit(const std::filesystem::path& folder, uint64_t from, size_t most) {
  EXO_TRY(const auto files, audit_files(folder));
  // The last file that begins no later has the entry, unless it is not there.
  size_t first = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    if (first_of_audit_file(files[i]).value_or(0) <= from) first = i;
  }
  std::vector<std::string> lines;
  for (size_t i = first; i < files.size() && lines.size() < most; ++i) {
    EXO_TRY(const std::string text, read_file(files[i], kAuditFileBytesMax));
    uint64_t number = first_of_audit_file(files[i]).value_or(0);
    for (size_t at = 0; at < text.size() && lines.size() < most; ++number) {
      const size_t end = text.find('\n', at);
      if (end == std::string::npos) break;  // is being written
      if (number >= from) lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  return lines;
}

}  // namespace exogpu::security
