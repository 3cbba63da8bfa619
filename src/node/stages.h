// The stages of this node: gets their weights, loads them, and puts the ring together. Each is done when it is said;
// what is to be done when, a Worker decides.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cluster/reconcile.h"
#include "engine/shard.h"
#include "gpu/device.h"
#include "model/gguf.h"
#include "pipeline/driver.h"
#include "wire/cluster.h"

namespace exogpu::node {

using SharedGguf = std::shared_ptr<const model::Gguf>;

// Gets a file that has the tensors of these layers, or none but the headers when they are empty; `done` is called on
// the node's thread, later. A new call replaces one that is under way.
using FetchModel = std::function<void(const wire::StagePlan& plan, wire::LayerRange layers,
                                      std::function<void(Bytes done, Bytes total)> progress,
                                      std::function<void(Result<SharedGguf>)> done)>;

struct BytesDone {
  Bytes done = 0;
  Bytes total = 0;
  friend bool operator==(const BytesDone&, const BytesDone&) = default;
};

struct StagesSurroundings {
  // Runs a task on the node's thread, later; from any thread.
  std::function<void(std::move_only_function<void()>)> post;
  std::function<Result<void>(wire::NodeId, net::Outgoing)> send;
  FetchModel fetch;
  std::function<void()> on_progress;
  std::function<void(const Error&)> on_broken;  // the ring can do no more
  BusyWait* busy_wait = nullptr;
};

// All calls on the node's thread. `done` is called once, on that thread, maybe before the call returns; it is not when
// another call with a `done` comes before.
class Stages {
 public:
  using Done = std::function<void(Result<void>)>;

  Stages(wire::NodeId self, std::string name, const gpu::Machine& machine, uint32_t threads,
         StagesSurroundings surroundings);
  ~Stages();

  // Nothing of another plan may be in a ring. What unload() kept and this plan has again is there at once.
  void take_on(const wire::StagePlan& plan);
  // A plan that has the same for this node. The ring ends; its shards are kept.
  void adopt(const wire::StagePlan& plan, Done done);
  // Is not done if abandon() comes before. Errors: those of FetchModel.
  void fetch(uint32_t stage, Done done);
  // Errors: those of engine::Shard::load(), and of naming a device or a type that is not known here.
  void load(uint32_t stage, Done done);
  // Errors: those of engine::Shard::forward(). After the last stage of this node there is a ring.
  void warm(uint32_t stage, const Done& done);
  // Makes the driver, if there is none. There must be a ring, with the first stage here.
  void serve();
  // The driver takes no new requests.
  void drain(const Error& why);
  // Ends the ring and frees all of the plan but what `next`, if there is one, has again: the same layers on the same
  // device, with the same settings. What is loaded later is loaded after that.
  void unload(const wire::StagePlan* next, Done done);
  // Frees what unload() kept.
  void forget();
  // What is under way is not wanted any more: load() and warm() end soon, as cancelled.
  void abandon();

  // How far the stage is, at most `loaded`. Not while there is a ring.
  cluster::Progress reached(uint32_t stage) const;
  SharedGguf file(uint32_t stage) const;  // null before it is fetched
  const std::map<uint32_t, BytesDone>& progress() const { return progress_; }
  uint64_t loads() const { return loads_; }
  pipeline::Ring* ring() { return ring_.get(); }
  pipeline::Driver* driver() { return driver_.get(); }
  const pipeline::Driver* driver() const { return driver_.get(); }

 private:
  // What a loaded shard depends on.
  struct Key {
    std::string content, device;
    wire::LayerRange layers;
    wire::ServingSettings settings;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Part {
    Key key;
    SharedGguf file;
    std::optional<pipeline::StageRemains> shard;  // not while it is in the ring
    bool warm = false;
  };
  using PartList = std::vector<std::shared_ptr<Part>>;
  // What the last ring that began here has left to the next.
  struct Left {
    wire::StagePlan plan;
    pipeline::HeldTokens held;
  };

  static Key key_of(const wire::StagePlan& plan, uint32_t stage);
  std::vector<uint32_t> own(const wire::StagePlan& plan) const;
  void on_loader(std::move_only_function<Result<void>(const std::stop_token&)> task, Done done);
  void take_apart(PartList gone, Done done);
  void end_driver();
  std::optional<pipeline::KeptTokens> kept();
  void free(PartList parts);
  PartList all_parts() const;
  void assemble();
  bool worth_busy_wait() const;

  wire::NodeId self_;
  std::string name_;
  const gpu::Machine* machine_;
  uint32_t threads_;
  StagesSurroundings surroundings_;
  std::optional<wire::StagePlan> plan_;
  std::map<uint32_t, std::shared_ptr<Part>> parts_;  // of the plan, from when they are fetched
  PartList kept_;                                    // of the one before
  std::unique_ptr<pipeline::Ring> ring_;
  std::unique_ptr<pipeline::Driver> driver_;
  std::optional<Left> left_;
  uint32_t n_vocab_ = 0;  // of the ring's model
  std::map<uint32_t, BytesDone> progress_;
  uint64_t loads_ = 0;
  uint64_t fetch_ = 0;     // number of the last that counts
  uint64_t job_ = 0;       // number of the loader's last
  std::stop_source stop_;  // of what the loader does now
  std::shared_ptr<Stages*> alive_;
  boost::asio::thread_pool loader_{1};  // loading and unloading, which take their time
};

}  // namespace exogpu::node
