// The messages between a client's node and the first stage of a ring.
#include <algorithm>
#include <chrono>

#include "wire/ring_coding.h"

namespace exogpu::wire {
namespace {

// As long as a duration may be without a sum of two overflowing.
std::chrono::milliseconds wait_of(uint64_t ms) {
  constexpr uint64_t kLongestMs = uint64_t{365} * 24 * 3600 * 1000;
  return std::chrono::milliseconds(std::min(ms, kLongestMs));
}

}  // namespace

bool operator==(const Generated& a, const Generated& b) {
  return a.request == b.request && a.tokens == b.tokens && a.end == b.end && same(a.failure, b.failure) &&
         a.prompt_reused == b.prompt_reused && a.interrupted == b.interrupted && a.queue == b.queue &&
         a.scored == b.scored && a.scored_position == b.scored_position;
}

ByteVector encode(const Generate& message) {
  proto::Generate out;
  out.set_epoch(message.epoch.value());
  out.set_request(message.request);
  out.mutable_tokens()->Add(message.tokens.begin(), message.tokens.end());
  out.set_prompt_tokens(message.prompt_tokens);
  put(*out.mutable_sampling(), message.sampling);
  out.set_tokens_max(message.tokens_max);
  out.mutable_end_tokens()->Add(message.end_tokens.begin(), message.end_tokens.end());
  out.set_client(message.client.value());
  out.set_accepted_before(message.accepted_before);
  if (message.queue_wait_max) out.set_queue_wait_max_ms(static_cast<uint64_t>(message.queue_wait_max->count()));
  out.set_computes_afresh(message.computes_afresh);
  out.set_embed(message.embed);
  if (message.prompt_logprobs) out.set_prompt_logprobs(*message.prompt_logprobs);
  return serialize(out);
}

template <>
Result<Generate> decode<Generate>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Generate>(bytes, "generate"));
  EXO_CHECK(within(in.tokens_size(), kTokensMax, "the tokens of a request"));
  EXO_CHECK(within(in.end_tokens_size(), kEndTokensMax, "the end tokens of a request"));
  if (in.tokens_size() == 0) return fail(ErrorCode::corrupt, "a generate message without tokens");
  if (in.prompt_tokens() > static_cast<uint32_t>(in.tokens_size())) {
    return fail(ErrorCode::corrupt, "a generate message with a prompt of {} tokens and {} in all", in.prompt_tokens(),
                in.tokens_size());
  }
  EXO_TRY(SamplerSettings sampling, sampling_of(in.sampling(), "generate"));
  std::optional<std::chrono::milliseconds> queue_wait_max;
  if (in.has_queue_wait_max_ms()) queue_wait_max = wait_of(in.queue_wait_max_ms());
  std::optional<uint32_t> prompt_logprobs;
  if (in.has_prompt_logprobs()) prompt_logprobs = in.prompt_logprobs();
  return Generate{.epoch = PlanEpoch(in.epoch()),
                  .request = in.request(),
                  .tokens = {in.tokens().begin(), in.tokens().end()},
                  .prompt_tokens = in.prompt_tokens(),
                  .sampling = std::move(sampling),
                  .tokens_max = in.tokens_max(),
                  .end_tokens = {in.end_tokens().begin(), in.end_tokens().end()},
                  .client = ClientId(in.client()),
                  .accepted_before = in.accepted_before(),
                  .queue_wait_max = queue_wait_max,
                  .embed = in.embed(),
                  .prompt_logprobs = prompt_logprobs,
                  .computes_afresh = in.computes_afresh()};
}

ByteVector encode(const Generated& message) {
  proto::Generated out;
  out.set_request(message.request);
  for (const SampledToken& token : message.tokens) put(*out.add_tokens(), token);
  out.set_end_plus_one(message.end ? static_cast<uint32_t>(*message.end) + 1 : 0);
  if (message.failure) set_failure(out.mutable_failure(), *message.failure);
  out.set_prompt_reused(message.prompt_reused);
  out.set_interrupted(message.interrupted);
  if (message.queue) {
    auto* queue = out.mutable_queue();
    queue->set_position(message.queue->position);
    queue->set_own(message.queue->own);
    if (message.queue->wait) queue->set_wait_ms(static_cast<uint64_t>(message.queue->wait->count()));
  }
  for (const SampledToken& token : message.scored) put(*out.add_scored(), token);
  out.set_scored_position(message.scored_position);
  return serialize(out);
}

template <>
Result<Generated> decode<Generated>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Generated>(bytes, "generated"));
  if (in.end_plus_one() > static_cast<uint32_t>(GenerateEnd::cancelled) + 1) {
    return fail(ErrorCode::corrupt, "a generated message that ends in a way that is not known here ({})",
                in.end_plus_one());
  }
  Generated out;
  out.request = in.request();
  EXO_TRY(out.tokens, tokens_of(in.tokens(), "generated"));
  if (in.end_plus_one() > 0) out.end = static_cast<GenerateEnd>(in.end_plus_one() - 1);
  EXO_TRY(out.failure, failure_of(in, "generated"));
  out.prompt_reused = in.prompt_reused();
  out.interrupted = in.interrupted();
  if (in.has_queue()) {
    out.queue = {.position = in.queue().position(), .own = in.queue().own()};
    if (in.queue().has_wait_ms()) out.queue->wait = wait_of(in.queue().wait_ms());
  }
  EXO_TRY(out.scored, tokens_of(in.scored(), "generated"));
  out.scored_position = in.scored_position();
  return out;
}

ByteVector encode(const CancelGenerate& message) {
  proto::CancelGenerate out;
  out.set_request(message.request);
  return serialize(out);
}

template <>
Result<CancelGenerate> decode<CancelGenerate>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::CancelGenerate>(bytes, "cancel"));
  return CancelGenerate{.request = in.request()};
}

}  // namespace exogpu::wire
