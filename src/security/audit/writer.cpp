#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "security/audit/chain.h"
#include "security/audit/files.h"
#include "security/files.h"

namespace exogpu::security {
namespace {

// Appends all of it, or leaves the file as it was.
Result<void> append_line(const std::filesystem::path& file, std::string_view line, Bytes size_before) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  ssize_t written = -1;
  if (fd >= 0) {
    do {
      written = ::write(fd, line.data(), line.size());
    } while (written < 0 && errno == EINTR);
  }
  const int code = errno;
  if (written > 0 && static_cast<size_t>(written) < line.size()) {
    // A disk that is full took a part of it. A part that stays is removed at the next start.
    (void)!::ftruncate(fd, static_cast<off_t>(size_before));
  }
  if (fd >= 0) ::close(fd);
  if (written >= 0 && static_cast<size_t>(written) == line.size()) return {};
  return fail(written < 0 && (code == EACCES || code == EPERM || code == EROFS) ? ErrorCode::permission_denied
                                                                                : ErrorCode::io_error,
              "{}: cannot write the audit: {}", file.string(),
              written >= 0 ? "the disk is full" : std::generic_category().message(code));
}

// What a line says of its number, whether or not it is signed.
std::optional<uint64_t> stated_number(std::string_view line) {
  const auto in = nlohmann::json::parse(line, nullptr, false);
  if (!in.is_object() || !in.contains("n") || !in["n"].is_number_unsigned()) return std::nullopt;
  return in["n"].get<uint64_t>();
}

}  // namespace

Result<AuditWriter> AuditWriter::open(std::filesystem::path folder, PrivateKey key, const AuditLimits& limits,
                                      WallTime now) {
  EXO_CHECK(make_private_directory(folder));
  AuditWriter writer(std::move(folder), std::move(key), limits);
  EXO_TRY(writer.files_, audit_files(writer.folder_));
  EXO_TRY(const Bytes cut, writer.find_head());
  if (cut > 0) {
    EXO_CHECK(writer.add({.who = "local",
                          .from = {},
                          .action = "audit.repair",
                          .what = std::format("{} bytes of an entry that was not complete were removed", cut),
                          .result = "ok"},
                         {}, now));
  }
  return writer;
}

// How many bytes were removed.
Result<Bytes> AuditWriter::cut_half_line(const std::filesystem::path& file, std::string& text) const {
  const size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  const Bytes cut = text.size() - whole;
  if (cut == 0) return cut;
  std::error_code error;
  std::filesystem::resize_file(file, whole, error);
  if (error) return fail(ErrorCode::io_error, "{}: cannot be shortened: {}", file.string(), error.message());
  text.resize(whole);
  return cut;
}

Result<Bytes> AuditWriter::find_head() {
  Bytes cut = 0;
  while (!files_.empty()) {
    const std::filesystem::path file = files_.back();
    EXO_TRY(std::string text, read_file(file, kAuditFileBytesMax));
    EXO_TRY(const Bytes here, cut_half_line(file, text));
    cut += here;
    if (text.empty()) {  // the end of the chain is in the file before
      std::error_code ignored;
      std::filesystem::remove(file, ignored);
      files_.pop_back();
      continue;
    }
    const size_t before = text.rfind('\n', text.size() - 2);
    const size_t begin = before == std::string::npos ? 0 : before + 1;
    const std::string_view last = std::string_view(text).substr(begin, text.size() - 1 - begin);
    const auto lines = static_cast<uint64_t>(std::ranges::count(text, '\n'));
    head_ = {.number = stated_number(last).value_or(first_of_audit_file(file).value_or(1) + lines - 1),
             .hash = audit_hash(last)};
    file_bytes_ = text.size();
    break;
  }
  return cut;
}

Result<std::string> AuditWriter::add(const AuditRecord& record, const std::optional<AuditAnchor>& anchor,
                                     WallTime now) {
  const uint64_t number = head_.number + 1;
  const bool begins = files_.empty() || file_bytes_ >= limits_.file;
  AuditEntry entry{.number = number,
                   .time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count(),
                   .previous = head_.hash,
                   .record = record,
                   .anchor = anchor,
                   .oldest = {}};
  if (begins) {
    const size_t kept = std::min(files_.size(), limits_.files - 1);
    entry.oldest = kept == 0 ? number : first_of_audit_file(files_[files_.size() - kept]).value_or(number);
  }
  EXO_TRY(std::string line, write_audit_entry(entry, key_));
  const std::filesystem::path file = begins ? audit_file(folder_, number) : files_.back();
  EXO_CHECK(append_line(file, line + "\n", begins ? 0 : file_bytes_));
  if (begins) {
    files_.push_back(file);
    file_bytes_ = 0;
    remove_old();
  }
  file_bytes_ += line.size() + 1;
  head_ = {.number = number, .hash = audit_hash(line)};
  return line;
}

void AuditWriter::remove_old() {
  std::error_code ignored;
  while (files_.size() > limits_.files) {
    std::filesystem::remove(files_.front(), ignored);
    files_.erase(files_.begin());
  }
}

}  // namespace exogpu::security
