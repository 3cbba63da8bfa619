// The messages between the stages of a ring, and between a client's node and the first stage (proto/ring.proto).
//
// Everything that happens to the sequences of a plan is a stream of steps: the node of the first stage numbers them,
// and each stage does them in that order and forwards them. So all stages agree on a sequence's tokens without asking.
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/result.h"
#include "wire/frame.h"
#include "wire/ids.h"
#include "wire/messages.h"
#include "wire/region.h"
#include "wire/sampling.h"

namespace exogpu::wire {

inline constexpr size_t kStepSpansMax = 4096;
inline constexpr size_t kTokensMax = 1U << 24;         // of a prompt
inline constexpr size_t kLogitBiasMax = 4096;          // entries of one request
inline constexpr size_t kPenaltyTokensMax = 1U << 20;  // of a sampler's penalties
inline constexpr size_t kEndTokensMax = 1024;
inline constexpr size_t kStagesMax = 4096;
inline constexpr size_t kResumedSequencesMax = 65536;
inline constexpr size_t kEmbeddingMax = 1U << 16;  // values of a text's embedding
inline constexpr size_t kSketchValues = 9;         // of one span
inline constexpr uint32_t kScoredTokens = 32;      // of prompts, that a step scores at most: each has a row of logits

// Begins the sampling of a sequence, at the last stage.
struct OpenSampler {
  SamplerSettings settings{};
  uint32_t length = 0;            // tokens so far
  std::vector<TokenId> recent{};  // the last tokens, as many as the penalties consider
  // Of them, those of the answer, which the settings' constraint has seen; without a constraint none.
  std::vector<TokenId> generated{};
  uint32_t tokens_left = 0;  // that may still be chosen
  friend bool operator==(const OpenSampler&, const OpenSampler&) = default;
};
struct Truncate {
  uint32_t end = 0;  // tokens that remain
  friend bool operator==(const Truncate&, const Truncate&) = default;
};
// The sequence begins with the first `length` tokens of `from`.
struct CopyPrefix {
  SeqId from{};
  uint32_t length = 0;
  friend bool operator==(const CopyPrefix&, const CopyPrefix&) = default;
};
// From now on the sequence has these rows of the pool. Its tokens move there; those for which there is no row are
// forgotten.
struct Place {
  Region region{};
  friend bool operator==(const Place&, const Place&) = default;
};
struct SequenceChange {
  SeqId sequence{};
  std::variant<OpenSampler, Truncate, CopyPrefix, Place> kind;
  friend bool operator==(const SequenceChange&, const SequenceChange&) = default;
};

// The next tokens of one sequence.
struct Span {
  SeqId sequence{};
  uint32_t position = 0;  // of the first
  uint32_t count = 0;
  bool sample = false;  // sample the token that follows the last one; of a model for embeddings, pool the text
  // Where tokens of a prompt are scored: the token that follows each of the span's, but for the last if that is
  // sampled; the last stage reports the log probabilities of these, and of so many likeliest.
  std::vector<TokenId> targets{};
  uint32_t likeliest = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

// The stages from `begin` to before `end`.
struct StageRange {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool contains(uint32_t stage) const { return stage >= begin && stage < end; }
  bool empty() const { return begin == end; }
  friend bool operator==(const StageRange&, const StageRange&) = default;
};

// With the first step of a ring: the KV caches that its stages resume, except fresh stages, which retained nothing.
struct CacheResume {
  PlanEpoch epoch{};  // of the previous ring
  StageRange fresh_stages{};
  std::vector<uint32_t> tokens{};  // that each sequence retains, from its start
  // Of each sequence, where the sequences share a pool: the stages of a ring that ended may have done other steps, and
  // so have their rows in other places.
  std::vector<Region> regions{};
  friend bool operator==(const CacheResume&, const CacheResume&) = default;
};

// Of the activations that a stage received with a step, so that the stage before can be checked later
// (pipeline/input_sketch.h). The receiver chooses the seed, which the sender could not know.
struct InputSketch {
  uint64_t seed = 0;
  std::vector<float> values{};  // [spans, kSketchValues]
  friend bool operator==(const InputSketch&, const InputSketch&) = default;
};

// One unit of work for a stage. An activation frame follows a step with spans in the ordered lane, with the rows of all
// spans in their order; its header names the first span.
//
// In a replay only fresh stages compute, namely tokens that the other stages retained. The stage before them sends the
// activations that it sent to the previous ring's stages; the others send and receive none.
struct Step {
  static constexpr ControlType kType = ControlType::step;
  PlanEpoch epoch{};
  uint32_t stage = 0;  // the receiver
  uint64_t number = 0;
  std::vector<SequenceChange> changes{};  // done before the spans, in this order
  std::vector<Span> spans{};
  std::vector<uint32_t> stage_us{};     // the time that each stage so far took to compute it
  std::optional<Error> failure{};       // of an earlier stage: no activation follows, and a stage only does the changes
  std::optional<CacheResume> resume{};  // of the first step; without it, all sequences are empty
  std::optional<StageRange> replay{};
  bool releases = false;         // after the changes, stages give the memory of rows without tokens back to the system
  bool sketches_wanted = false;  // every stage but the first adds one, unless it is a replay
  std::vector<InputSketch> sketches{};  // of the stages so far, but for the first
  friend bool operator==(const Step&, const Step&);
  uint64_t rows() const;
  // Whether an activation frame follows the step to its receiver.
  bool carries() const { return !failure && rows() > 0 && (!replay || replay->contains(stage)); }
};

struct SampledToken {
  SeqId sequence{};
  TokenId token = 0;
  std::optional<float> logprob{};
  std::vector<TokenLogprob> top{};
  std::optional<Error> failure{};  // then there is no token
  std::vector<float> embedding{};  // of the text, not normalised; then there is no token either
  friend bool operator==(const SampledToken&, const SampledToken&);
};

// From the last stage to the first: the step has passed all stages.
struct StepDone {
  static constexpr ControlType kType = ControlType::step_done;
  PlanEpoch epoch{};
  uint64_t number = 0;
  std::vector<SampledToken> tokens{};
  std::vector<uint32_t> stage_us{};
  std::vector<SampledToken> scored{};  // one for each target of the step's spans, in their order
  std::vector<InputSketch> sketches{};
  std::optional<Error> failure{};  // no sequence of the step can continue
  friend bool operator==(const StepDone&, const StepDone&);
};

// Asks the node of the first stage to generate tokens.
struct Generate {
  static constexpr ControlType kType = ControlType::generate;
  PlanEpoch epoch{};
  uint64_t request = 0;           // chosen by the sender
  std::vector<TokenId> tokens{};  // the prompt, and for a continuation the tokens generated so far
  uint32_t prompt_tokens = 0;     // of them
  SamplerSettings sampling{};
  uint32_t tokens_max = 0;  // to generate; 0: until the context is full
  std::vector<TokenId> end_tokens{};
  ClientId client{};
  bool accepted_before = false;  // by an earlier ring: not to be refused because the queue is full
  std::optional<std::chrono::milliseconds> queue_wait_max{};  // refused at once if the estimated wait is longer
  bool embed = false;                         // asks for the embedding of the prompt: one result, and no token
  std::optional<uint32_t> prompt_logprobs{};  // of each prompt token but the first, with so many likeliest
  bool computes_afresh = false;               // nothing of the prompt is taken from a cache
  friend bool operator==(const Generate&, const Generate&) = default;
};

// Where a request stands, or would stand, in the queue for a sequence. Positions and the wait are estimates: requests
// of other clients may come, and those ahead may end early.
struct QueuePlace {
  uint32_t position = 1;                            // 1: the next
  uint32_t own = 0;                                 // requests of the same client that wait
  std::optional<std::chrono::milliseconds> wait{};  // empty: no request has ended yet
  friend bool operator==(const QueuePlace&, const QueuePlace&) = default;
};

enum class GenerateEnd : uint8_t { end_of_text = 0, length = 1, context_full = 2, cancelled = 3 };

struct Generated {
  static constexpr ControlType kType = ControlType::generated;
  uint64_t request = 0;
  std::vector<SampledToken> tokens{};  // their `sequence` is unused
  std::optional<GenerateEnd> end{};
  std::optional<Error> failure{};  // ends the answer, too
  uint32_t prompt_reused = 0;
  bool interrupted = false;            // by its ring; the answer may continue with the next ring
  std::optional<QueuePlace> queue{};   // where the request waits; with a failure, where it would have
  std::vector<SampledToken> scored{};  // tokens of the prompt, the first of them at `scored_position`
  uint32_t scored_position = 0;
  friend bool operator==(const Generated&, const Generated&);
};

struct CancelGenerate {
  static constexpr ControlType kType = ControlType::generate_cancel;
  uint64_t request = 0;
  friend bool operator==(const CancelGenerate&, const CancelGenerate&) = default;
};

ByteVector encode(const Step& message);
ByteVector encode(const StepDone& message);
ByteVector encode(const Generate& message);
ByteVector encode(const Generated& message);
ByteVector encode(const CancelGenerate& message);

template <>
Result<Step> decode<Step>(std::span<const std::byte> bytes);
template <>
Result<StepDone> decode<StepDone>(std::span<const std::byte> bytes);
template <>
Result<Generate> decode<Generate>(std::span<const std::byte> bytes);
template <>
Result<Generated> decode<Generated>(std::span<const std::byte> bytes);
template <>
Result<CancelGenerate> decode<CancelGenerate>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
