// The stages of this node: gets their weights, loads them, and puts the ring together. A Worker decides what is done
// when; what comes of it, Stages reports to the callbacks of each call and to its host.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cluster/reconcile.h"
#include "pipeline/driver.h"
#include "wire/cluster.h"
#include "worker/stage_backend.h"

namespace exogpu::worker {

// Gets a file that has the tensors of these layers, or none but the headers when they are empty; `done` is called on
// the node's thread, later. A new call replaces one that is in flight.
using FetchModel = std::function<void(const wire::StagePlan& plan, wire::LayerRange layers,
                                      std::function<void(Bytes done, Bytes total)> progress,
                                      std::function<void(Result<SharedGguf>)> done)>;

struct BytesDone {
  Bytes done = 0;
  Bytes total = 0;
  friend bool operator==(const BytesDone&, const BytesDone&) = default;
};

struct StagesHost {
  // Runs a task on the node's thread, later; from any thread.
  std::function<void(std::move_only_function<void()>)> post;
  std::function<Result<void>(wire::NodeId, net::Outgoing)> send;
  FetchModel fetch;
  std::function<void()> on_progress;            // progress() is another
  std::function<void()> on_ring_changed;        // ring() or driver() is another; not while it changes
  std::function<void(const Error&)> on_broken;  // the ring can do no more
};

// How far each stage of this node is, at most `loaded`.
using Reached = std::map<uint32_t, cluster::StageReadiness>;

// All calls on the node's thread. `done` is called once, on that thread, maybe before the call returns; it is not when
// another call with a `done` comes before.
class Stages {
 public:
  using Done = StageBackend::Done;

  // `backend` must outlive it.
  Stages(wire::NodeId self, std::string name, StageBackend& backend, StagesHost host);
  ~Stages();

  // Nothing of another plan may be in a ring. What unload() retained and this plan has again is there at once.
  Reached accept_plan(const wire::StagePlan& plan);
  // A plan that has the same for this node. The ring ends; its parts are retained.
  void adopt(const wire::StagePlan& plan, std::function<void(Reached)> done);
  // Is not done if abandon() comes before. Errors: those of FetchModel.
  void fetch(uint32_t stage, std::function<void(Result<SharedGguf>)> done);
  // Errors: those of StageBackend.
  void load(uint32_t stage, Done done);
  // Errors: those of StageBackend. After the last stage of this node there is a ring.
  void warm(uint32_t stage, const Done& done);
  // Makes the driver, if there is none. There must be a ring, with the first stage here.
  void serve();
  // The driver takes no new requests.
  void drain(const Error& why);
  // Ends the ring and frees all of the plan but what `next`, if there is one, has again: the same layers on the same
  // device, with the same settings. What is loaded later is loaded after that.
  void unload(const wire::StagePlan* next, Done done);
  // Frees what unload() retained.
  void forget();
  // What is in progress is not wanted any more: load() and warm() end soon, as cancelled.
  void abandon();

  const std::map<uint32_t, BytesDone>& progress() const { return progress_; }
  uint64_t loads() const { return loads_; }
  pipeline::Ring* ring() { return ring_.get(); }
  pipeline::Driver* driver() { return driver_.get(); }
  const pipeline::Driver* driver() const { return driver_.get(); }

 private:
  // What the last ring that began here has left to the next.
  struct Previous {
    wire::StagePlan plan;
    pipeline::ResidentTokens resident;
  };

  Done newest(Done done);
  Reached reached() const;
  void disassemble(PartList gone, Done done);
  void end_driver();
  std::optional<pipeline::ResumedTokens> resumed() const;
  void free(PartList parts);
  PartList all_parts() const;
  void assemble();
  bool all_warm() const;

  wire::NodeId self_;
  std::string name_;
  StageBackend& backend_;
  StagesHost host_;
  std::optional<wire::StagePlan> plan_;
  std::map<uint32_t, std::shared_ptr<Part>> parts_;  // of the plan, from when they are fetched
  PartList retained_;                                // of the plan before
  std::unique_ptr<pipeline::Ring> ring_;
  std::unique_ptr<pipeline::Driver> driver_;
  std::optional<Previous> previous_;
  uint32_t vocabulary_ = 0;  // of the ring's model
  std::map<uint32_t, BytesDone> progress_;
  uint64_t loads_ = 0;
  uint64_t fetch_ = 0;     // number of the last that counts
  uint64_t job_ = 0;       // number of the backend's last
  std::stop_source stop_;  // of what the backend does now
  std::shared_ptr<Stages*> alive_;
};

}  // namespace exogpu::worker
