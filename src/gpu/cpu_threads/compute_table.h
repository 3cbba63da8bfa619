// What the computing processes of one user on one machine know of each other, in a file that all of them map.
//
// Two programs that compute on all cores at the same time hinder each other far more than they would by taking half of
// the cores each (see occupancy.h). Each shard on the CPU has an entry here. An entry whose owner died is taken by the
// next that needs one: only the time of its last sign of life counts, so nothing needs to be cleaned up, and nothing
// depends on process numbers, which containers that share the file may see differently.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/result.h"

namespace exogpu::gpu {

class ComputeTable {
 public:
  using Time = std::chrono::steady_clock::time_point;  // the same for all processes of a machine

  // What the entries of others say.
  struct Others {
    uint32_t computing = 0;  // shards that compute now, or most of the time
    double used_s = 0;       // processor time that the other processes have used so far
    uint64_t processes = 0;  // changes when another process joined or left: then `used_s` cannot be compared
  };

  // $XDG_RUNTIME_DIR/exogpu-compute, or /dev/shm/exogpu-compute-UID.
  static std::filesystem::path default_path();

  // Errors: io_error (the file cannot be created or mapped, or belongs to another user).
  static Result<ComputeTable> open(const std::filesystem::path& path);

  ComputeTable(ComputeTable&&) noexcept;
  ComputeTable& operator=(ComputeTable&&) noexcept;
  ~ComputeTable();  // gives the entry back

  // Between begin() and end() this shard computes. `used_s`: processor time of this process so far.
  void begin(Time now, double used_s);
  void end(Time now, double used_s);
  Others others(Time now) const;

 private:
  struct Mapping;
  explicit ComputeTable(std::unique_ptr<Mapping> mapping);
  std::unique_ptr<Mapping> mapping_;
};

}  // namespace exogpu::gpu
