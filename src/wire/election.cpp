#include "wire/election.h"

#include <format>
#include <ranges>

#include "wire/cluster_coding.h"

namespace exogpu::wire {

std::string to_text(const Term& term) { return std::format("{} of {}", term.counter, term.leader.short_text()); }
std::string to_text(const Position& position) {
  return std::format("index {} of term {}", position.index, to_text(position.term));
}

void put(proto::Term& out, const Term& in) {
  out.set_counter(in.counter);
  if (in.counter != 0) out.set_leader(text_of(in.leader));
}

Result<Term> term_of(const proto::Term& in, std::string_view what) {
  Term out{.counter = in.counter(), .leader = {}};
  if (out.counter == 0 && in.leader().empty()) return out;
  if (out.counter == 0 || out.counter > kTermCounterMax) {
    return fail(ErrorCode::corrupt, "the term of {} is {}", what, out.counter);
  }
  EXO_TRY(out.leader, node_of(in.leader(), "the leader of a term"));
  return out;
}

void put(proto::Position& out, const Position& in) {
  put(*out.mutable_term(), in.term);
  out.set_index(in.index);
}

Result<Position> position_of(const proto::Position& in, std::string_view what) {
  Position out{.term = {}, .index = in.index()};
  EXO_TRY(out.term, term_of(in.term(), what));
  return out;
}

void put(proto::Fitness& out, const Fitness& in) {
  out.set_mains(in.mains);
  out.set_wired(in.wired);
  out.set_steadiness(in.steadiness);
}

Result<Fitness> fitness_of(const proto::Fitness& in) {
  if (in.steadiness() > kSteadinessMax) {
    return fail(ErrorCode::corrupt, "a steadiness that is not known here ({})", in.steadiness());
  }
  return Fitness{.mains = in.mains(), .wired = in.wired(), .steadiness = in.steadiness()};
}

ByteVector encode(const ElectionProbe& message) {
  proto::ElectionProbe out;
  out.set_wants_reply(message.wants_reply);
  put(*out.mutable_term(), message.term);
  out.set_is_leader(message.is_leader);
  out.set_has_leader(message.has_leader);
  out.set_followers(message.followers);
  out.set_serving(message.serving);
  put(*out.mutable_fitness(), message.fitness);
  out.set_reach(message.reach);
  put(*out.mutable_at(), message.at);
  return serialize(out);
}

template <>
Result<ElectionProbe> decode<ElectionProbe>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::ElectionProbe>(bytes, "election probe"));
  ElectionProbe out;
  out.wants_reply = in.wants_reply();
  EXO_TRY(out.term, term_of(in.term(), "an election probe"));
  out.is_leader = in.is_leader();
  out.has_leader = in.has_leader();
  if (out.term.counter == 0 && (out.is_leader || out.has_leader)) {
    return fail(ErrorCode::corrupt, "an election probe with a leader and no term");
  }
  out.followers = in.followers();
  out.serving = in.serving();
  EXO_TRY(out.fitness, fitness_of(in.fitness()));
  out.reach = in.reach();
  EXO_TRY(out.at, position_of(in.at(), "an election probe's state"));
  return out;
}

ByteVector encode(const Heartbeat& message) {
  proto::Heartbeat out;
  put(*out.mutable_term(), message.term);
  out.set_number(message.number);
  out.set_acked(message.acked);
  out.set_followers(message.followers);
  out.set_serving(message.serving);
  for (const ModelUse& use : message.uses | std::views::take(kBusyModelsMax)) {
    auto* field = out.add_uses();
    field->set_epoch(use.epoch.value());
    field->set_unused_s(use.unused_s);
  }
  return serialize(out);
}

template <>
Result<Heartbeat> decode<Heartbeat>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Heartbeat>(bytes, "heartbeat"));
  Heartbeat out{
      .term = {}, .number = in.number(), .acked = in.acked(), .followers = in.followers(), .serving = in.serving()};
  EXO_TRY(out.term, term_of(in.term(), "a heartbeat"));
  if (out.term.counter == 0) return fail(ErrorCode::corrupt, "a heartbeat without a term");
  if (out.acked > out.number) return fail(ErrorCode::corrupt, "a heartbeat that was answered before it was sent");
  EXO_CHECK(within(in.uses_size(), kBusyModelsMax, "the used models of a heartbeat"));
  for (const proto::ModelUse& field : in.uses()) {
    out.uses.push_back({.epoch = PlanEpoch(field.epoch()), .unused_s = field.unused_s()});
  }
  return out;
}

ByteVector encode(const HeartbeatAck& message) {
  proto::HeartbeatAck out;
  put(*out.mutable_term(), message.term);
  out.set_number(message.number);
  put(*out.mutable_at(), message.at);
  out.set_epoch(message.epoch.value());
  for (const std::string& content : message.busy_models | std::views::take(kBusyModelsMax)) {
    out.add_busy_models(text(content));
  }
  return serialize(out);
}

template <>
Result<HeartbeatAck> decode<HeartbeatAck>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::HeartbeatAck>(bytes, "heartbeat answer"));
  HeartbeatAck out{.term = {}, .number = in.number(), .at = {}, .epoch = PlanEpoch(in.epoch()), .busy_models = {}};
  EXO_TRY(out.term, term_of(in.term(), "a heartbeat answer"));
  EXO_TRY(out.at, position_of(in.at(), "a heartbeat answer's state"));
  EXO_CHECK(within(in.busy_models_size(), kBusyModelsMax, "the busy models of a heartbeat answer"));
  for (const std::string& field : in.busy_models()) {
    EXO_TRY(std::string content, name_of(field, "a busy model"));
    out.busy_models.insert(std::move(content));
  }
  return out;
}

ByteVector encode(const LinkPing& message) {
  proto::LinkPing out;
  out.set_number(message.number);
  out.set_answer(message.answer);
  return serialize(out);
}

template <>
Result<LinkPing> decode<LinkPing>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LinkPing>(bytes, "link ping"));
  return LinkPing{.number = in.number(), .answer = in.answer()};
}

}  // namespace exogpu::wire
