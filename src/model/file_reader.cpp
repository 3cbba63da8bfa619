#include "model/file_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <format>
#include <string>
#include <system_error>

namespace exogpu::model {
namespace {

// Offsets, sizes and addresses of direct reads are multiples of a disk's block, which is at most this.
constexpr Bytes kBlock = 4 * KiB;
// Large enough that a disk reads at its full rate with one request at a time.
constexpr Bytes kWindow = 8 * MiB;

// Of pread(); 0 at the end of the file.
Result<Bytes> read_some(const std::filesystem::path& path, int descriptor, Bytes offset, std::span<std::byte> out) {
  ssize_t got = -1;
  do {
    got = pread(descriptor, out.data(), out.size(), static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got >= 0) return static_cast<Bytes>(got);
  return fail(ErrorCode::unavailable, "{}: its bytes at {} could not be read: {}; check its disk, and load it again",
              path.string(), format_count(offset), std::generic_category().message(errno));
}

std::unexpected<Error> cut_short(const std::filesystem::path& path, Bytes offset) {
  return fail(ErrorCode::unavailable, "{}: ends before its byte {}; put the whole file back and load it again",
              path.string(), format_count(offset));
}

// The same file once more, even if its name is another's now.
int reopen_direct(int descriptor) {
  return open(std::format("/proc/self/fd/{}", descriptor).c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
}

}  // namespace

FileReader::FileReader(const Gguf& file, ReadWay way) : file_(&file), direct_(file.parts().size(), -1) {
  if (way != ReadWay::direct) return;
  window_.reset(static_cast<std::byte*>(std::aligned_alloc(kBlock, kWindow)));
  if (window_ == nullptr) return;
  for (uint32_t part = 0; part < direct_.size(); ++part)
    if (file.descriptor(part) >= 0) direct_[part] = reopen_direct(file.descriptor(part));
}

FileReader::~FileReader() {
  for (const int descriptor : direct_)
    if (descriptor >= 0) close(descriptor);
}

Result<void> FileReader::read(uint32_t part, Bytes offset, std::span<std::byte> out) {
  if (is_direct(part)) return read_direct(part, offset, out);
  if (file_->descriptor(part) >= 0) return read_cached(part, offset, out);
  std::ranges::copy(file_->part_bytes(part).subspan(offset, out.size()), out.begin());
  return {};
}

Result<void> FileReader::read_cached(uint32_t part, Bytes offset, std::span<std::byte> out) const {
  const std::filesystem::path& path = file_->parts()[part];
  while (!out.empty()) {
    EXO_TRY(const Bytes got, read_some(path, file_->descriptor(part), offset, out));
    if (got == 0) return cut_short(path, offset);
    offset += got;
    out = out.subspan(got);
  }
  return {};
}

Result<void> FileReader::read_direct(uint32_t part, Bytes offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const bool inside = window_part_ == part && offset >= window_begin_ && offset < window_begin_ + window_bytes_;
    if (!inside) {
      EXO_CHECK(fill_window(part, offset));
      if (!is_direct(part)) return read_cached(part, offset, out);
    }
    const Bytes at = offset - window_begin_;
    const Bytes count = std::min<Bytes>(window_bytes_ - at, out.size());
    std::memcpy(out.data(), window_.get() + at, count);
    offset += count;
    out = out.subspan(count);
  }
  return {};
}

Result<void> FileReader::fill_window(uint32_t part, Bytes offset) {
  const std::filesystem::path& path = file_->parts()[part];
  window_part_ = part;
  window_begin_ = offset / kBlock * kBlock;
  window_bytes_ = 0;
  const auto got = read_some(path, direct_[part], window_begin_, {window_.get(), kWindow});
  // Some file systems open a file so and then refuse to read it; if the disk fails, the other way says so, too.
  if (!got) {
    give_up_direct(part);
    return {};
  }
  if (window_begin_ + *got <= offset) return cut_short(path, offset);
  window_bytes_ = *got;
  return {};
}

void FileReader::give_up_direct(uint32_t part) {
  close(direct_[part]);
  direct_[part] = -1;
}

double measure_read_rate(const Gguf& file) {
  using std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kLong{250};
  FileReader reader(file, ReadWay::direct);
  std::vector<std::byte> bytes(kWindow);
  Bytes read = 0;
  const auto began = steady_clock::now();
  std::chrono::duration<double> took{};
  for (Bytes at = 0, end = file.part_bytes(0).size(); at < end && took < kLong; at += kWindow) {
    const std::span<std::byte> next = std::span(bytes).first(std::min(kWindow, end - at));
    if (!reader.read(0, at, next)) return 0;
    read += next.size();
    took = steady_clock::now() - began;
  }
  return took.count() > 0 ? static_cast<double>(read) / took.count() : 0;
}

}  // namespace exogpu::model
