#include "wire/ring.h"

#include <algorithm>
#include <limits>

#include "wire/ring_coding.h"

namespace exogpu::wire {
namespace {

void put(proto::Region& out, const Region& in) {
  out.set_begin(in.begin);
  out.set_rows(in.rows);
}

Region region_of(const proto::Region& in) { return {.begin = in.begin(), .rows = in.rows()}; }

void put(proto::SequenceChange& out, const SequenceChange& in) {
  out.set_sequence(in.sequence.value());
  if (const auto* open = std::get_if<OpenSampler>(&in.kind)) {
    put(*out.mutable_open()->mutable_sampling(), open->settings);
    out.mutable_open()->set_length(open->length);
    out.mutable_open()->mutable_recent()->Add(open->recent.begin(), open->recent.end());
    out.mutable_open()->mutable_generated()->Add(open->generated.begin(), open->generated.end());
    out.mutable_open()->set_tokens_left(open->tokens_left);
  } else if (const auto* truncate = std::get_if<Truncate>(&in.kind)) {
    out.set_truncate(truncate->end);
  } else if (const auto* place = std::get_if<Place>(&in.kind)) {
    put(*out.mutable_place(), place->region);
  } else {
    const auto& copy = std::get<CopyPrefix>(in.kind);
    out.set_copy_from(copy.from.value());
    out.set_copy_length(copy.length);
  }
}

Result<SequenceChange> change_of(const proto::SequenceChange& in) {
  SequenceChange out{.sequence = SeqId(in.sequence()), .kind = {}};
  switch (in.kind_case()) {
    case proto::SequenceChange::kOpen: {
      EXO_CHECK(within(in.open().recent_size(), kPenaltyTokensMax, "the recent tokens of a step"));
      EXO_CHECK(within(in.open().generated_size(), kTokensMax, "the generated tokens of a step"));
      EXO_TRY(SamplerSettings settings, sampling_of(in.open().sampling(), "step"));
      out.kind = OpenSampler{.settings = std::move(settings),
                             .length = in.open().length(),
                             .recent = {in.open().recent().begin(), in.open().recent().end()},
                             .generated = {in.open().generated().begin(), in.open().generated().end()},
                             .tokens_left = in.open().tokens_left()};
      return out;
    }
    case proto::SequenceChange::kTruncate: out.kind = Truncate{in.truncate()}; return out;
    case proto::SequenceChange::kCopyFrom: out.kind = CopyPrefix{SeqId(in.copy_from()), in.copy_length()}; return out;
    case proto::SequenceChange::kPlace: out.kind = Place{region_of(in.place())}; return out;
    case proto::SequenceChange::KIND_NOT_SET: break;
  }
  return fail(ErrorCode::corrupt, "a step changes sequence {} in a way that is not known here", in.sequence());
}

void put(proto::StageRange& out, const StageRange& in) {
  out.set_begin(in.begin);
  out.set_end(in.end);
}

Result<StageRange> range_of(const proto::StageRange& in) {
  if (in.begin() > in.end() || in.end() > kStagesMax) {
    return fail(ErrorCode::corrupt, "a step for the stages {} to {}", in.begin(), in.end());
  }
  return StageRange{.begin = in.begin(), .end = in.end()};
}

Result<Span> span_of(const proto::Span& in) {
  if (in.count() == 0) return fail(ErrorCode::corrupt, "a step has a span of no tokens");
  const auto targets = static_cast<uint32_t>(in.targets_size());
  if (targets > 0 && targets + (in.sample() ? 1 : 0) != in.count()) {
    return fail(ErrorCode::corrupt, "a step scores {} tokens of a span of {}", targets, in.count());
  }
  return Span{.sequence = SeqId(in.sequence()),
              .position = in.position(),
              .count = in.count(),
              .sample = in.sample(),
              .targets = {in.targets().begin(), in.targets().end()},
              .likeliest = in.likeliest()};
}

}  // namespace

bool operator==(const Step& a, const Step& b) {
  return a.epoch == b.epoch && a.stage == b.stage && a.number == b.number && a.changes == b.changes &&
         a.spans == b.spans && a.stage_us == b.stage_us && same(a.failure, b.failure) && a.resume == b.resume &&
         a.replay == b.replay && a.releases == b.releases && a.sketches_wanted == b.sketches_wanted &&
         a.sketches == b.sketches;
}
bool operator==(const StepDone& a, const StepDone& b) {
  return a.epoch == b.epoch && a.number == b.number && a.tokens == b.tokens && a.stage_us == b.stage_us &&
         a.scored == b.scored && a.sketches == b.sketches && same(a.failure, b.failure);
}
uint64_t Step::rows() const {
  uint64_t rows = 0;
  for (const Span& span : spans) rows += span.count;
  return rows;
}

ByteVector encode(const Step& message) {
  proto::Step out;
  out.set_epoch(message.epoch.value());
  out.set_stage(message.stage);
  out.set_number(message.number);
  for (const SequenceChange& change : message.changes) put(*out.add_changes(), change);
  for (const Span& in : message.spans) {
    auto* span = out.add_spans();
    span->set_sequence(in.sequence.value());
    span->set_position(in.position);
    span->set_count(in.count);
    span->set_sample(in.sample);
    span->mutable_targets()->Add(in.targets.begin(), in.targets.end());
    span->set_likeliest(in.likeliest);
  }
  out.mutable_stage_us()->Add(message.stage_us.begin(), message.stage_us.end());
  if (message.failure) set_failure(out.mutable_failure(), *message.failure);
  if (message.resume) {
    proto::CacheResume& resume = *out.mutable_resume();
    resume.set_epoch(message.resume->epoch.value());
    put(*resume.mutable_fresh_stages(), message.resume->fresh_stages);
    resume.mutable_tokens()->Add(message.resume->tokens.begin(), message.resume->tokens.end());
    for (const Region& region : message.resume->regions) put(*resume.add_regions(), region);
  }
  if (message.replay) put(*out.mutable_replay(), *message.replay);
  out.set_releases(message.releases);
  out.set_sketches_wanted(message.sketches_wanted);
  put(*out.mutable_sketches(), message.sketches);
  return serialize(out);
}

template <>
Result<Step> decode<Step>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Step>(bytes, "step"));
  EXO_CHECK(within(in.changes_size(), 4 * kStepSpansMax, "the changes of a step"));
  EXO_CHECK(within(in.spans_size(), kStepSpansMax, "the spans of a step"));
  EXO_CHECK(within(in.stage_us_size(), kStagesMax, "the stages of a step"));
  Step out;
  out.epoch = PlanEpoch(in.epoch());
  out.stage = in.stage();
  out.number = in.number();
  for (const auto& change : in.changes()) {
    EXO_TRY(SequenceChange next, change_of(change));
    out.changes.push_back(std::move(next));
  }
  for (const auto& span : in.spans()) {
    EXO_TRY(Span next, span_of(span));
    out.spans.push_back(std::move(next));
  }
  if (out.rows() > std::numeric_limits<uint32_t>::max()) return fail(ErrorCode::corrupt, "a step has too many tokens");
  out.stage_us.assign(in.stage_us().begin(), in.stage_us().end());
  EXO_TRY(out.failure, failure_of(in, "step"));
  if (in.has_resume()) {
    EXO_CHECK(within(in.resume().tokens_size(), kResumedSequencesMax, "the sequences that a step resumes"));
    EXO_CHECK(within(in.resume().regions_size(), kResumedSequencesMax, "the regions that a step resumes"));
    EXO_TRY(const StageRange fresh, range_of(in.resume().fresh_stages()));
    out.resume = {.epoch = PlanEpoch(in.resume().epoch()),
                  .fresh_stages = fresh,
                  .tokens = {in.resume().tokens().begin(), in.resume().tokens().end()},
                  .regions = {}};
    for (const auto& region : in.resume().regions()) out.resume->regions.push_back(region_of(region));
  }
  out.releases = in.releases();
  out.sketches_wanted = in.sketches_wanted();
  EXO_TRY(out.sketches, sketches_of(in.sketches(), "step"));
  if (in.has_replay()) {
    EXO_TRY(out.replay, range_of(in.replay()));
    if (std::ranges::any_of(out.spans, &Span::sample)) return fail(ErrorCode::corrupt, "a replay that is to sample");
  }
  return out;
}

ByteVector encode(const StepDone& message) {
  proto::StepDone out;
  out.set_epoch(message.epoch.value());
  out.set_number(message.number);
  for (const SampledToken& token : message.tokens) put(*out.add_tokens(), token);
  for (const SampledToken& token : message.scored) put(*out.add_scored(), token);
  out.mutable_stage_us()->Add(message.stage_us.begin(), message.stage_us.end());
  put(*out.mutable_sketches(), message.sketches);
  if (message.failure) set_failure(out.mutable_failure(), *message.failure);
  return serialize(out);
}

template <>
Result<StepDone> decode<StepDone>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::StepDone>(bytes, "step done"));
  EXO_CHECK(within(in.stage_us_size(), kStagesMax, "the stages of a step"));
  StepDone out;
  out.epoch = PlanEpoch(in.epoch());
  out.number = in.number();
  EXO_TRY(out.tokens, tokens_of(in.tokens(), "step done"));
  EXO_TRY(out.scored, tokens_of(in.scored(), "step done"));
  out.stage_us.assign(in.stage_us().begin(), in.stage_us().end());
  EXO_TRY(out.sketches, sketches_of(in.sketches(), "step done"));
  EXO_TRY(out.failure, failure_of(in, "step done"));
  return out;
}

}  // namespace exogpu::wire
