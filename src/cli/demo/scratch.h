// A folder for temporary files that is also removed after a sudden end.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace exogpu::cli {

// A new folder below the system's folder for temporary files, removed with this object.
//
// A process that is killed cannot remove its folder; the next make() does. A lock on the folder, which the process and
// its children hold, marks it as in use.
class Scratch {
 public:
  // Errors: io_error.
  static Result<Scratch> make();
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

  const std::filesystem::path& path() const { return path_; }

 private:
  Scratch(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::filesystem::path path_;
  int lock_;  // of the folder
};

}  // namespace exogpu::cli
