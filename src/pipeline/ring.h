// This node's part of a ring: receives steps from the previous node, passes them to the stages that are here, and sends
// what they return to the next, or from the last to the first stage's node.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/channel.h"
#include "pipeline/buffer_pool.h"
#include "pipeline/scheduler.h"
#include "pipeline/stage.h"
#include "wire/node_id.h"

namespace exogpu::pipeline {

struct RingOptions {
  wire::PlanEpoch epoch;
  wire::NodeId self;
  std::vector<wire::NodeId> nodes;  // of each stage, in order
  uint32_t activation_width = 0;    // values of one token
  uint32_t batch_tokens = 0;        // of a step at most
  wire::Dtype activations = wire::Dtype::f32;
  size_t sent_bytes_max = size_t{64} << 20;  // of activations that a stage retains, see SentRows
  uint64_t sketch_secret = 0;                // of the stages here, see StageOptions
};

// What a ring needs of its node.
struct RingHost {
  // Runs a task on the node's thread, later; from any thread.
  std::function<void(std::move_only_function<void()>)> post;
  // Errors: unavailable, naming the node, when there is no channel to it; those of Channel::send().
  std::function<Result<void>(wire::NodeId, net::Outgoing)> send;
  // A step is back where it began.
  std::function<void(wire::StepDone)> on_done;
  // The ring can do no more: a step could not be forwarded, or a peer sent what makes no sense.
  std::function<void(Error)> on_broken;
  MakeExecutor make_executor;  // of the stages
};

// One thread, the node's.
class Ring {
 public:
  Ring(RingOptions options, RingHost host);
  ~Ring();  // waits for the steps that this node's stages have in progress
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Nothing happens from here on; it may then be destroyed on any thread.
  void retire() { alive_.reset(); }
  // After retire(), on any thread: waits as the destructor does, and returns what this node's stages retained.
  std::map<uint32_t, RetainedStage> end();

  // Adds a stage of this node; its outputs are passed to on_output().
  void add(uint32_t index, RetainedStage from, std::string name);
  bool complete() const;  // all stages of this node are here

  const RingOptions& options() const { return options_; }
  uint64_t steps_begun() const { return steps_begun_; }  // of all stages here

  // On the first stage's node.
  void begin(Work work);

  // From channels. Frames of another epoch are ignored.
  void on_step(wire::NodeId from, wire::Step step);
  // Where the activations go; the caller owns the buffer until they have arrived or are given up, since the ring may
  // end before.
  std::optional<Buffer> receive_buffer(wire::NodeId from, const wire::FrameHeader& header);
  void on_activation(wire::NodeId from, const wire::FrameHeader& header);
  void on_step_done(wire::NodeId from, wire::StepDone done);

 private:
  struct Arriving {
    wire::Step step;
    Buffer memory;
  };
  void on_output(StageOutput output);
  void forward(ForwardedStep output);
  void send_done(wire::StepDone done);
  void broken(Error why);
  void push(StageInput input);
  Result<void> check_step(wire::NodeId from, const wire::Step& step) const;
  bool follows(uint64_t number, uint64_t& last, wire::NodeId from);
  bool from_previous_stage(uint32_t stage, wire::NodeId from) const;

  RingOptions options_;
  RingHost host_;
  std::map<uint32_t, std::unique_ptr<Stage>> stages_;
  std::map<uint32_t, size_t> in_flight_;       // steps that a stage has been given and has not returned
  std::map<wire::NodeId, Arriving> arriving_;  // steps whose activations have not arrived
  uint64_t steps_begun_ = 0;
  std::map<uint32_t, uint64_t> last_step_;  // received for a stage
  uint64_t last_done_ = 0;
  bool broken_ = false;
  std::shared_ptr<Ring*> alive_;
};

}  // namespace exogpu::pipeline
