// Which objects of a model are whole on this disk: a file that is only appended to.
//
// Records of 24 bytes, little-endian: object u32, kind u32, boot u64, check u64. `check` is the beginning of the
// SHA-256 of the model's id and the 16 bytes before it; reading ends at the first record that is not as it should be.
//   kind 1  written: the operating system has its bytes. Survives the end of the process at any moment, and counts only
//           while the machine has not been started again (`boot` says since when it runs)
//   kind 2  durable: its bytes are on the disk
//   kind 3  gone: its bytes are not to be trusted
#pragma once

#include <span>
#include <vector>

#include "weights/manifest.h"
#include "weights/posix_file.h"

namespace exogpu::weights {

// One thread at a time.
class Journal {
 public:
  // Names the time since the machine was started; a number that is never met again where the system does not say.
  static uint64_t this_boot();

  // Reads it, or makes an empty one, and cuts off what is broken. Errors: of the file.
  static Result<Journal> open(const std::filesystem::path& path, const ContentId& content, uint32_t objects,
                              uint64_t boot = this_boot());

  const std::vector<bool>& held() const { return held_; }
  // Held, but not known to be on the disk.
  std::vector<ObjectIndex> not_durable() const;

  Result<void> written(ObjectIndex object);
  // These are on the disk, as the caller has seen to; the record of it is, too, when this returns.
  Result<void> durable(std::span<const ObjectIndex> objects);
  Result<void> gone(ObjectIndex object);

 private:
  Journal(PosixFile file, const ContentId& content, uint32_t objects, uint64_t boot);
  Result<void> append(std::span<const ObjectIndex> objects, uint32_t kind);

  PosixFile file_;
  ContentId content_;
  uint64_t boot_ = 0;
  std::vector<bool> held_;
  std::vector<bool> durable_;
};

}  // namespace exogpu::weights
