// What the stages of a node need of its devices: loading parts of a model, warming and freeing them, and executors for
// their steps. A node implements it with shards, the simulator with fakes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/units.h"
#include "pipeline/ring.h"
#include "wire/cluster.h"

namespace exogpu::model {
class Gguf;
}

namespace exogpu::worker {

using SharedGguf = std::shared_ptr<const model::Gguf>;

// What a loaded part depends on.
struct PartKey {
  std::string content, device;
  wire::LayerRange layers;
  wire::ServingSettings settings;
  Bytes weight_budget = 0;  // as of its wire::PlannedStage
  friend bool operator==(const PartKey&, const PartKey&) = default;
};

// A run of layers on one of this node's devices.
struct Part {
  PartKey key;
  SharedGguf file;
  std::optional<pipeline::RetainedStage> stage{};  // once it is loaded; not while it is in a ring
  bool warm = false;
  bool reads_file = true;  // it is loaded from `file`, or computes with its pages

  // That the file is what it was when it was opened, where the part reads it. Errors: those of Gguf::check().
  Result<void> check() const;
  // Whether it can compute no more; false while it is in a ring, which would have ended.
  bool lost() const;
};
using PartList = std::vector<std::shared_ptr<Part>>;

// The calls are made on the node's thread. load(), warm(), disassemble() and free() begin work that is done in the
// order of the calls, one after another, beside that thread; `done` and `progress` are called on it, later.
//
// The node's thread leaves a part alone from load(), warm() or disassemble() until `done`.
class StageBackend {
 public:
  using Done = std::function<void(Result<void>)>;
  using Progress = std::function<void(Bytes done, Bytes total)>;

  virtual ~StageBackend() = default;

  // Sets part->stage and part->reads_file. Errors: those of engine::Shard::load() (cancelled after `stop`), and of
  // naming a device or a type that is not known here.
  virtual void load(std::shared_ptr<Part> part, Progress progress, std::stop_token stop, Done done) = 0;
  // Computes until the device is quick. Errors: those of Compute::forward(); cancelled.
  virtual void warm(std::shared_ptr<Part> part, std::stop_token stop, Done done) = 0;
  // Ends a retired ring, which may be null, and gives the parts, by stage, what its stages retained; then frees
  // `unneeded`.
  virtual void disassemble(std::unique_ptr<pipeline::Ring> ring, std::map<uint32_t, std::shared_ptr<Part>> parts,
                           PartList unneeded, Done done) = 0;
  virtual void free(PartList parts) = 0;

  // For the stages of a ring on these devices.
  virtual pipeline::MakeExecutor executors(const std::vector<std::string>& devices) = 0;
  // Of activations that a stage retains in case the stage behind it is lost.
  virtual size_t sent_bytes_max() const = 0;
};

}  // namespace exogpu::worker
