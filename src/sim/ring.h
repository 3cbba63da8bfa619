// A node's part in a ring: the real driver and scheduler where the first stage is, stages of a model that is made up,
// and the rules of pipeline::Ring and of the node around it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cluster/reconcile.h"
#include "pipeline/continuations.h"
#include "pipeline/driver.h"
#include "pipeline/sent_rows.h"
#include "sim/made_model.h"

namespace exogpu::sim {

using cluster::Duration;
using cluster::Time;

// A step and the activations behind it.
struct StepFrame {
  wire::Step step;
  std::vector<Row> rows;
};
using RingMessage = std::variant<StepFrame, wire::StepDone, wire::Generate, wire::Generated, wire::CancelGenerate>;

// A ring of which nothing has moved for so long is not waited for.
inline constexpr Duration kStill = std::chrono::seconds(2);

struct RingSurroundings {
  std::function<void(Duration, std::function<void(Time)>)> later;  // while this life lasts
  // False: there is no channel to it. To its own node, too, at once.
  std::function<bool(wire::NodeId, RingMessage)> send;
  // The ring of this plan can do no more, since it has lost this node.
  std::function<void(wire::PlanEpoch, wire::NodeId)> broken;
  std::function<void(uint64_t tokens)> replayed;  // by a ring that has ended
  // What a stage takes for a step of so many rows.
  std::function<Duration(const wire::LayerRange&, size_t rows)> takes;
  bool keeps_caches = false;  // mistakes put in by hand, see World
  bool goes_on = false;
};

class RingPart {
 public:
  RingPart(wire::NodeId self, RingSurroundings surroundings) : self_(self), surroundings_(std::move(surroundings)) {}

  // What the node holds now, and whether the ring that begins here may be asked. What was under way in a ring that is
  // held no longer is told that it was interrupted.
  void look(const cluster::Holding& holding, bool serves, Time now);
  void receive(wire::NodeId from, const RingMessage& message, Time now);
  void peer_lost(wire::NodeId peer);
  bool busy(Time now) const;
  uint64_t refused() const { return refused_; }  // steps of a ring that is not held

 private:
  struct Stage {
    MadeShard shard;
    std::deque<StepFrame> queue{};
    bool at_work = false;
    uint64_t last_step = 0;
    wire::PlanEpoch epoch{};  // of the ring whose sequences are held
    pipeline::SentRows sent{};
  };
  // What the last ring that began here has left to the next.
  struct Left {
    wire::StagePlan plan;
    pipeline::HeldTokens held;
  };
  void take_on(const std::optional<wire::StagePlan>& plan);
  void end_driver();
  Result<void> begin(uint32_t index, const wire::Step& first);
  Result<void> compute(uint32_t index, StepFrame& frame, std::vector<Row>& out,
                       std::vector<wire::SampledToken>& tokens);
  void on(wire::NodeId from, const StepFrame& frame, Time now);
  void on(wire::NodeId from, const wire::StepDone& done, Time now);
  void on(wire::NodeId from, const wire::Generate& wanted, Time now);
  void on(wire::NodeId from, const wire::CancelGenerate& message, Time now);
  static void on(wire::NodeId, const wire::Generated&, Time) {}  // for the clients
  void lost(wire::NodeId peer);
  void begin(pipeline::Work work);
  void pump(uint32_t index);
  void compute(uint32_t index, StepFrame frame);
  void send(wire::NodeId to, RingMessage message);
  Result<void> drive(wire::NodeId from, const wire::Generate& wanted);

  wire::NodeId self_;
  RingSurroundings surroundings_;
  std::optional<wire::StagePlan> plan_;
  std::map<uint32_t, Stage> stages_;
  std::optional<Left> left_;
  bool draining_ = false;
  std::unique_ptr<pipeline::Driver> driver_;
  std::map<std::pair<wire::NodeId, uint64_t>, pipeline::RequestId> driven_;  // by who asked
  uint64_t last_done_ = 0;
  bool broken_ = false;
  std::optional<Time> moved_;
  uint64_t refused_ = 0;
};

uint64_t content_number(const std::string& content);

}  // namespace exogpu::sim
