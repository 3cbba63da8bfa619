// Which objects of a model are complete on this disk: an append-only file.
//
// Records of 24 bytes, little-endian: object u32, kind u32, boot u64, check u64. `check` is the beginning of the
// SHA-256 of the model's id and the 16 bytes before it; reading stops at the first record that does not match.
//   kind 1  written: the operating system has its bytes. Survives the end of the process at any moment, and is valid
//           until the machine restarts (`boot` identifies its start)
//   kind 2  durable: its bytes are on the disk
//   kind 3  gone: its bytes are damaged
#pragma once

#include <span>
#include <vector>

#include "weights/manifest.h"
#include "weights/posix_file.h"

namespace exogpu::weights {

// One thread at a time.
class Journal {
 public:
  // Identifies the start of the machine; a number that never recurs if the system does not report it.
  static uint64_t this_boot();

  // Reads the journal, or creates an empty one, and cuts off broken records. Errors: of the file.
  static Result<Journal> open(const std::filesystem::path& path, const ContentId& content, uint32_t objects,
                              uint64_t boot = this_boot());

  const std::vector<bool>& present() const { return present_; }
  // Written, but not known to be on the disk.
  std::vector<ObjectIndex> not_durable() const;

  Result<void> written(ObjectIndex object);
  // The caller has synced these objects. The record is on the disk when this returns.
  Result<void> durable(std::span<const ObjectIndex> objects);
  Result<void> gone(ObjectIndex object);

 private:
  Journal(PosixFile file, const ContentId& content, uint32_t objects, uint64_t boot);
  Result<void> append(std::span<const ObjectIndex> objects, uint32_t kind);

  PosixFile file_;
  ContentId content_;
  uint64_t boot_ = 0;
  std::vector<bool> present_;
  std::vector<bool> durable_;
};

}  // namespace exogpu::weights
