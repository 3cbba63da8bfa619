// What the stages of a model say to each other, and those who ask for answers to the first of them (proto/ring.proto).
//
// Everything that happens to the sequences of a plan is a stream of steps: the first stage's node numbers them, and
// each stage does them in that order and forwards them. So all stages agree on what a sequence holds, without asking.
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/result.h"
#include "wire/frame.h"
#include "wire/ids.h"
#include "wire/messages.h"
#include "wire/sampling.h"

namespace exogpu::wire {

inline constexpr size_t kStepSpansMax = 4096;
inline constexpr size_t kTokensMax = 1U << 24;         // of a prompt
inline constexpr size_t kLogitBiasMax = 4096;          // entries of one request
inline constexpr size_t kPenaltyTokensMax = 1U << 20;  // that a sampler looks back at
inline constexpr size_t kEndTokensMax = 1024;
inline constexpr size_t kStagesMax = 4096;
inline constexpr size_t kResumedSequencesMax = 65536;

// Begins the sampling of a sequence. To the last stage.
struct OpenSampler {
  SamplerSettings settings{};
  uint32_t length = 0;            // tokens so far
  std::vector<TokenId> recent{};  // the last of them, as many as the penalties look at
  friend bool operator==(const OpenSampler&, const OpenSampler&) = default;
};
struct Truncate {
  uint32_t end = 0;  // tokens that stay
  friend bool operator==(const Truncate&, const Truncate&) = default;
};
// The sequence begins with the first `length` tokens of `from`.
struct CopyPrefix {
  SeqId from{};
  uint32_t length = 0;
  friend bool operator==(const CopyPrefix&, const CopyPrefix&) = default;
};
struct SequenceChange {
  SeqId sequence{};
  std::variant<OpenSampler, Truncate, CopyPrefix> kind;
  friend bool operator==(const SequenceChange&, const SequenceChange&) = default;
};

// The next tokens of one sequence.
struct Span {
  SeqId sequence{};
  uint32_t position = 0;  // of the first
  uint32_t count = 0;
  bool sample = false;  // a token is wanted that follows the last
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

// With the first step of a ring: the caches that its stages resume, but for the fresh ones, which hold nothing.
struct CacheResume {
  PlanEpoch epoch{};  // of the ring that left them
  StageRange fresh_stages{};
  std::vector<uint32_t> tokens{};  // that each sequence retains, from its beginning
  friend bool operator==(const CacheResume&, const CacheResume&) = default;
};

// One piece of work for a stage. Where it has spans, an activation frame follows it in the ordered lane, with the rows
// of all spans in their order; its header names the first span.
//
// A replay gives tokens that the other stages hold to stages that are new to them: only those compute it. The stage
// before them sends the activations that it sent to their predecessors; to and from the others none travel.
struct Step {
  static constexpr ControlType kType = ControlType::step;
  PlanEpoch epoch{};
  uint32_t stage = 0;  // that it is for
  uint64_t number = 0;
  std::vector<SequenceChange> changes{};  // come first, in this order
  std::vector<Span> spans{};
  std::vector<uint32_t> stage_us{};     // what the stages before took to compute it
  std::optional<Error> failure{};       // of a stage before: no activation follows, only the changes count
  std::optional<CacheResume> resume{};  // of the first step; without it, all sequences are empty
  std::optional<StageRange> replay{};
  friend bool operator==(const Step&, const Step&);
  uint64_t rows() const;
  // Whether activations follow it to the stage that it is for.
  bool carries() const { return !failure && rows() > 0 && (!replay || replay->contains(stage)); }
};

struct SampledToken {
  SeqId sequence{};
  TokenId token = 0;
  std::optional<float> logprob{};
  std::vector<TokenLogprob> top{};
  std::optional<Error> failure{};  // then there is no token
  friend bool operator==(const SampledToken&, const SampledToken&);
};

// From the last stage to the first: a step has gone all the way.
struct StepDone {
  static constexpr ControlType kType = ControlType::step_done;
  PlanEpoch epoch{};
  uint64_t number = 0;
  std::vector<SampledToken> tokens{};
  std::vector<uint32_t> stage_us{};
  std::optional<Error> failure{};  // no sequence of the step can go on
  friend bool operator==(const StepDone&, const StepDone&);
};

// Asks the first stage's node for the tokens that follow.
struct Generate {
  static constexpr ControlType kType = ControlType::generate;
  PlanEpoch epoch{};
  uint64_t request = 0;           // chosen by who asks
  std::vector<TokenId> tokens{};  // the prompt, and behind it what was generated before, when an answer goes on
  uint32_t prompt_tokens = 0;     // of them
  SamplerSettings sampling{};
  uint32_t tokens_max = 0;  // to generate; 0: until the context is full
  std::vector<TokenId> end_tokens{};
  friend bool operator==(const Generate&, const Generate&) = default;
};

enum class GenerateEnd : uint8_t { end_of_text = 0, length = 1, context_full = 2, cancelled = 3 };

struct Generated {
  static constexpr ControlType kType = ControlType::generated;
  uint64_t request = 0;
  std::vector<SampledToken> tokens{};  // `sequence` means nothing here
  std::optional<GenerateEnd> end{};
  std::optional<Error> failure{};  // the end, too
  uint32_t prompt_reused = 0;
  bool interrupted = false;  // the failure is the ring's, and the next one may go on
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
