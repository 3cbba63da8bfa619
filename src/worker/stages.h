// The stages of this node: gets their weights, loads them, and assembles the ring. A Worker decides what to do and
// when; Stages reports results to the callbacks of each call and to its host.
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

// Gets a file with the tensors of these layers, or only the headers if `layers` is empty; calls `done` on the node's
// thread, later. A new call replaces one in flight.
using FetchModel = std::function<void(const wire::StagePlan& plan, wire::LayerRange layers,
                                      std::function<void(Bytes done, Bytes total)> progress,
                                      std::function<void(Result<SharedGguf>)> done)>;

// Of the answers of a ring that begins here; null, or absent: none are recorded.
using MakeRecorder = std::function<std::unique_ptr<pipeline::AnswerRecorder>(const wire::StagePlan& plan)>;

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
  std::function<void()> on_progress;            // progress() has changed
  std::function<void()> on_ring_changed;        // ring() or driver() has changed; not called during the change
  std::function<void(const Error&)> on_broken;  // the ring has failed
  MakeRecorder make_recorder{};
};

// The progress of each stage of this node, at most `loaded`.
using Reached = std::map<uint32_t, cluster::StageReadiness>;

// All calls on the node's thread. `done` is called once, on that thread, possibly before the call returns, but not if
// another call with a `done` is made before.
class Stages {
 public:
  using Done = StageBackend::Done;

  // `backend` must outlive it.
  Stages(wire::NodeId self, std::string name, StageBackend& backend, StagesHost host);
  ~Stages();

  // No ring of another plan may exist. Stages that unload() retained and this plan also has are loaded at once.
  Reached accept_plan(const wire::StagePlan& plan);
  // A plan with the same stages for this node. The ring ends; its stages are retained.
  void adopt(const wire::StagePlan& plan, std::function<void(Reached)> done);
  // `done` is not called after abandon(). Errors: those of FetchModel.
  void fetch(uint32_t stage, std::function<void(Result<SharedGguf>)> done);
  // Errors: those of StageBackend.
  void load(uint32_t stage, Done done);
  // Errors: those of StageBackend. After the last stage of this node the ring exists.
  void warm(uint32_t stage, const Done& done);
  // Makes the driver if there is none; after drain(), it takes requests again. The ring must exist and begin here.
  void serve();
  // The driver takes no new requests.
  void drain(const Error& why);
  // Ends the ring and frees all stages except those that `next`, if given, also has: the same layers on the same
  // device, with the same settings. Later loads wait for that.
  void unload(const wire::StagePlan* next, Done done);
  // Frees what unload() retained.
  void forget();
  // Abandons work in progress: load() and warm() end soon, as cancelled.
  void abandon();

  // That the file of this stage's part is what it was when it was opened, where the part reads it. A part that fails
  // this is not used for another plan. Errors: those of Gguf::check().
  Result<void> check(uint32_t stage) const;
  bool reads_files() const;  // a part does

  const std::map<uint32_t, BytesDone>& progress() const { return progress_; }
  uint64_t loads() const { return loads_; }
  pipeline::Ring* ring() { return ring_.get(); }
  pipeline::Driver* driver() { return driver_.get(); }
  const pipeline::Driver* driver() const { return driver_.get(); }

 private:
  // The cache resume data of the previous ring that began here.
  struct Previous {
    wire::StagePlan plan;
    pipeline::ResidentTokens resident;
  };

  Done newest(Done done);
  Reached reached() const;
  void disassemble(PartList unneeded, Done done);
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
  std::map<uint32_t, std::shared_ptr<Part>> parts_;  // of the plan, from the beginning of their fetch
  PartList retained_;                                // of the previous plan
  std::unique_ptr<pipeline::Ring> ring_;
  std::unique_ptr<pipeline::Driver> driver_;
  std::optional<Previous> previous_;
  uint32_t vocabulary_ = 0;  // of the ring's model, as what follows
  bool embeds_ = false, whole_texts_ = false;
  std::map<uint32_t, BytesDone> progress_;
  uint64_t loads_ = 0;
  uint64_t fetch_ = 0;     // number of the latest, whose result counts
  uint64_t job_ = 0;       // number of the backend's latest job
  std::stop_source stop_;  // stops the backend's current job
  std::shared_ptr<Stages*> alive_;
};

}  // namespace exogpu::worker
