// Decides what a ring of stages computes next: which sequences continue, and how much of which prompt. Pure: no clock,
// no thread, no device. The first stage's node has one for each plan.
//
// Sequences have rows of their own for a whole context each, or share a pool. From the pool a request gets rows for its
// prompt, and more as its answer grows. When none are free, the sequences that no request has lose their ends, the one
// unused for longest first; then the youngest requests wait once more, with what their sequences keep. The oldest never
// does: a whole context fits into the pool, so every answer ends.
//
// Decoding is split into as many groups as there are stages, so that each stage has one while a token of another goes
// round the ring. Prompts are computed in chunks between them. With one stage, all sequences are one group.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "pipeline/cache_resume.h"
#include "pipeline/fair_queue.h"
#include "pipeline/region_pool.h"
#include "pipeline/request.h"
#include "pipeline/token_event.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

struct ScheduleOptions {
  uint32_t stages = 1;
  uint32_t sequences = 1;                                  // resident at once
  uint32_t context = 4096;                                 // tokens of a sequence
  uint32_t pool_tokens = 0;                                // of all sequences; 0: a whole context for each
  uint32_t region_step = wire::kRegionStep;                // of the pool
  bool private_prefixes = false;                           // no client gets what is cached of another
  uint32_t batch_tokens = 512;                             // of a step at most
  uint32_t n_vocab = std::numeric_limits<int32_t>::max();  // the model's tokens are those below
  // Prompt tokens that cost a stage as long as the fixed cost of a step. A prompt is cut so that filling and draining
  // the ring and the fixed costs together are the least.
  double step_cost_tokens = 4;
  uint32_t busy_chunk = 128;  // prompt tokens in a step while others decode
  bool embeds = false;        // the model gives embeddings, and no tokens
  bool whole_texts = false;   // of texts that must each come in one step
  size_t waiting_max = 4096;  // requests that wait for a sequence, see FairQueue::has_room()
};

// How many steps a ring has in flight at most.
constexpr size_t steps_in_flight_max(size_t stages) { return stages > 1 ? std::max(stages + 1, 2 * stages) : stages; }

// A step for the first stage.
struct Work {
  wire::Step step;
  std::vector<wire::TokenId> tokens;
};

class Scheduler {
 public:
  // `resumed`: of as many sequences, what is resident at the stages before the first step.
  Scheduler(wire::PlanEpoch epoch, const ScheduleOptions& options, std::optional<ResumedTokens> resumed = {});

  // Errors: invalid_argument (no tokens, one outside the vocabulary, an answer of a model for embeddings and the other
  // way round), resource_exhausted (longer than the context, or than a step if it must come in one),
  // unavailable (too many wait). Requests get sequences in the order of a FairQueue.
  Result<void> add(RequestId id, Request request);
  // Without effect for a request that has ended. Its sequence is free at once.
  void cancel(RequestId id);

  // The next step for the first stage; none when all there is to do is in flight. To be called until there is none.
  std::optional<Work> next();
  // A step is done. The events of its requests are appended to `events`.
  void done(const wire::StepDone& step, std::vector<RequestEvent>& events);

  // Whether sequences keep the tokens of requests that have ended, for those that begin with the same. Otherwise the
  // next step has the stages forget them, and give their memory back.
  void keep_cached(bool keeps) {
    releases_ = releases_ || (keeps_cached_ && !keeps);  // also rows that never had tokens
    keeps_cached_ = keeps;
  }

  // Whether prompts are cut in the smallest chunks that are computed well (kQueriesAtOnce), so that no step is long.
  void keep_chunks_small(bool small) { small_chunks_ = small; }

  // Those that have not ended.
  std::vector<RequestId> requests() const;
  // Of a step in flight, in the order of its spans.
  std::vector<RequestId> requests_of(uint64_t step) const;

  // The tokens that are resident at all stages for certain, whatever becomes of the steps in flight. Before the first
  // step, what was resumed.
  ResidentTokens resident() const;

  const FairQueue& queue() const { return waiting_; }
  // Whether a request that is added now gets a sequence at once.
  bool has_free_sequence() const;
  // Smoothed number of steps between two moments at which a sequence becomes free, while all are in use; empty before
  // the first request has ended.
  std::optional<double> steps_per_free_sequence() const;

  bool idle() const { return active_.empty() && waiting_.empty(); }
  uint32_t active() const { return static_cast<uint32_t>(active_.size()); }
  size_t waiting() const { return waiting_.size(); }
  size_t in_flight() const { return steps_.size(); }
  uint64_t tokens_sampled() const { return tokens_sampled_; }
  uint64_t tokens_computed() const { return tokens_computed_; }
  uint64_t tokens_replayed() const { return tokens_replayed_; }
  uint64_t preempted() const { return preempted_; }  // requests that had to wait once more

 private:
  // Tokens that a step in flight is to compute.
  struct TokensInFlight {
    uint64_t step = 0;
    uint32_t position = 0;  // of the first
  };
  struct Slot {
    std::vector<wire::TokenId> tokens;      // computed or in flight
    std::vector<TokensInFlight> in_flight;  // also of steps of another sequence, from which they were copied
    std::optional<uint32_t> replayed;       // of the tokens, those that the fresh stages have too; all when empty
    uint64_t copied_in = 0;                 // the last step that copies into it
    void lose() {
      broken = true;
      tokens.clear();
      in_flight.clear();
      replayed.reset();
    }
    bool broken = false;  // its content is not known
    bool used = false;
    uint64_t last_use = 0;
    wire::ClientId client{};  // whose tokens they are
  };
  struct Active {
    RequestId id;
    Request request;
    wire::SeqId sequence;
    uint64_t admission = 0;  // tells the steps of a request before it waited once more from those after
    uint32_t generated = 0;
    uint32_t reused = 0;
    uint64_t steps_before = 0;  // that were done when it got its sequence
    bool awaits = false;        // a token that is in flight round the ring
  };
  struct Part {
    RequestId id;
    uint64_t admission = 0;
    bool sample = false;
    uint32_t scored = 0;           // tokens of the prompt
    uint32_t scored_position = 0;  // of the first of them
  };
  struct StepInFlight {
    std::vector<Part> parts;  // the spans of the step
    bool decodes = false;
    bool renews = false;       // it begins with what was resumed, or replays that
    std::set<uint64_t> needs;  // steps in flight whose tokens it continues or copies
  };

  void admit();
  void assign_slot(RequestId request_id, Request request);
  uint32_t take_prefix(uint32_t index, const Request& request, uint32_t common);
  void open_sampler(wire::SeqId id, const Request& request);
  decltype(wire::SequenceChange::kind)& change(wire::SeqId sequence);  // one more, for the next step
  std::pair<uint32_t, uint32_t> best_slot(const Request& request) const;
  std::optional<uint32_t> empty_slot() const;
  bool spares(uint32_t index, uint32_t common, const Request& request) const;
  uint32_t common_with(const Slot& slot, const Request& request) const;
  uint32_t chunk(bool others_decode) const;
  void take_replays(Work& work, StepInFlight& step, bool others_decode);
  void take_decodes(Work& work, StepInFlight& step, uint32_t decoding);
  void take_prompts(Work& work, StepInFlight& step, bool others_decode);
  uint32_t part_of_prompt(const Active& active, size_t remaining, size_t room, const Work& work,
                          uint32_t to_score) const;
  bool prompt_waits() const;
  bool changes_full() const;
  bool known(wire::TokenId token) const { return token >= 0 && std::cmp_less(token, options_.n_vocab); }
  std::set<uint64_t> doomed_by(uint64_t step) const;
  void failed(uint64_t step, const Error& why, bool renews, std::vector<RequestEvent>& events);
  void sampled(const Part& part, const wire::SampledToken& token, std::vector<RequestEvent>& events);
  void scored(const Part& part, std::span<const wire::SampledToken> tokens, std::vector<RequestEvent>& events);
  void check_token(const Active& active, TokenEvent& event) const;
  Result<void> check_length(const Request& request) const;
  void take(Active& active, uint32_t count, Work& work, StepInFlight& step);
  void end(RequestId id, bool broken);
  void forget(RequestId id);
  // Of the pool (scheduler_pool.cpp).
  uint32_t rows_of(const Active& active) const;
  // Room for an answer that there must be for a request to begin.
  uint32_t answer_room() const { return std::max(1U, options_.region_step / 2); }
  bool has_its_rows(const Active& active) const;
  uint32_t unpromised_rows() const;
  bool has_rows_for(const Request& request) const;
  bool has_rows_beside(uint32_t index, const Request& request) const;
  void give_rows(uint32_t index, uint32_t tokens, std::optional<uint32_t> source = {});
  bool free_some_rows(uint32_t index, uint32_t missing, std::optional<uint32_t> source);
  void shorten(uint32_t index, uint32_t rows);
  void grow_regions();
  void drop_cached();
  void preempt(RequestId id);
  void append(const std::vector<wire::Placement>& placements);
  Slot& slot(wire::SeqId id) { return slots_[id.value()]; }
  const Slot& slot(wire::SeqId id) const { return slots_[id.value()]; }

  wire::PlanEpoch epoch_;
  ScheduleOptions options_;
  std::optional<ResidentTokens> resumed_;  // until the first step
  wire::StageRange fresh_stages_;
  std::vector<Slot> slots_;
  std::optional<RegionPool> pool_;
  FairQueue waiting_;
  std::map<RequestId, Active> active_;
  std::vector<RequestId> admitted_;            // the active ones, in the order in which they got their sequences
  std::deque<RequestId> decode_order_;         // the active ones, the next to decode first
  std::vector<wire::SequenceChange> changes_;  // for the next step
  // Of those that copy, by index: what was in flight when they were decided.
  std::map<size_t, std::vector<TokensInFlight>> copies_;
  size_t changes_tokens_ = 0;  // in them
  bool keeps_cached_ = true;
  bool small_chunks_ = false;
  bool releases_ = false;      // the next step gives memory back
  bool decoded_last_ = false;  // the last step had tokens of decoding requests
  std::map<uint64_t, StepInFlight> steps_;
  uint64_t next_number_ = 1;
  uint64_t uses_ = 0;
  uint64_t admissions_ = 0;
  uint64_t preempted_ = 0;
  uint64_t steps_done_ = 0;
  std::optional<double> steps_per_request_;  // smoothed
  uint64_t tokens_sampled_ = 0;
  uint64_t tokens_computed_ = 0;
  uint64_t tokens_replayed_ = 0;
};

}  // namespace exogpu::pipeline
