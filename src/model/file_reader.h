// Reads the bytes of a model file without its mapping: no page faults, and nothing of the file stays in the process.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "model/gguf.h"

namespace exogpu::model {

// By way of the system's cache, which makes a second read quick where the file has room in it; or straight from the
// disk, which leaves the cache to others and copies once less.
enum class ReadWay { cached, direct };

// One thread uses a FileReader. Borrows the file.
class FileReader {
 public:
  // Where a file system reads nothing straight from its disk, `direct` is as `cached`.
  FileReader(const Gguf& file, ReadWay way);
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  ~FileReader();

  // Reads out.size() bytes at `offset` of a part, which lie inside it. Reads that follow one another in the file are
  // fastest. Errors: unavailable, naming the file: it was cut short, or its disk fails.
  Result<void> read(uint32_t part, Bytes offset, std::span<std::byte> out);
  // Whether the next bytes of this part come straight from the disk.
  bool is_direct(uint32_t part) const { return direct_[part] >= 0; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }  // of aligned_alloc
  };

  Result<void> read_cached(uint32_t part, Bytes offset, std::span<std::byte> out) const;
  Result<void> read_direct(uint32_t part, Bytes offset, std::span<std::byte> out);
  Result<void> fill_window(uint32_t part, Bytes offset);
  void give_up_direct(uint32_t part);

  const Gguf* file_;
  std::vector<int> direct_;  // a descriptor for each part; -1: by way of the cache
  // What the last direct read brought: a disk gives whole blocks only.
  std::unique_ptr<std::byte, Free> window_;
  uint32_t window_part_ = 0;
  Bytes window_begin_ = 0;
  Bytes window_bytes_ = 0;
};

// How fast the file's bytes come in their order, straight from the disk where the file system can: measured over a
// quarter of a second, or the whole file if that takes less. 0 where it cannot be read.
double measure_read_rate(const Gguf& file);

}  // namespace exogpu::model
