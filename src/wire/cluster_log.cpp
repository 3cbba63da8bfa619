#include "wire/cluster_log.h"

#include <algorithm>

#include "wire/log_coding.h"

namespace exogpu::wire {
namespace {

void put(proto::Entry& out, const Entry& in) {
  put(*out.mutable_term(), in.term);
  put(*out.mutable_event(), in.event);
}

Result<std::pair<NodeId, NodeRecord>> record_of(const proto::NodeRecord& in) {
  NodeRecord out;
  EXO_TRY(out.facts, facts_of(in.reported()));
  out.online = in.online();
  EXO_TRY(out.offline_reason, name_of(in.offline_reason(), "the reason why a node is away", kReasonCharsMax));
  out.draining = in.draining();
  EXO_TRY(out.condition, condition_of(in.condition()));
  EXO_TRY(out.library, library_of(in.library()));
  const NodeId node = out.facts.info.self.node;
  return std::pair(node, std::move(out));
}

}  // namespace

ByteVector encode(const LogEntries& message) {
  proto::LogEntries out;
  put(*out.mutable_term(), message.term);
  put(*out.mutable_before(), message.before);
  for (const Entry& entry : message.entries) put(*out.add_entries(), entry);
  return serialize(out);
}

size_t encoded_bytes(const Entry& entry) {
  proto::LogEntries out;
  put(*out.add_entries(), entry);
  return out.ByteSizeLong();
}

Result<Event> as_sent(const Event& event) {
  proto::Event out;
  put(out, event);
  return event_of(out);
}

template <>
Result<LogEntries> decode<LogEntries>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LogEntries>(bytes, "log entries"));
  LogEntries out;
  EXO_TRY(out.term, term_of(in.term(), "log entries"));
  EXO_TRY(out.before, position_of(in.before(), "log entries"));
  EXO_CHECK(within(in.entries_size(), kEntriesMax, "the entries of a message"));
  Term last = out.before.term;
  for (const proto::Entry& field : in.entries()) {
    Entry entry;
    EXO_TRY(entry.term, term_of(field.term(), "a log entry"));
    if (entry.term < last || entry.term.counter == 0 || entry.term > out.term) {
      return fail(ErrorCode::corrupt, "log entries whose terms do not follow each other");
    }
    last = entry.term;
    EXO_TRY(entry.event, event_of(field.event()));
    out.entries.push_back(std::move(entry));
  }
  return out;
}

ByteVector encode(const LogSnapshot& message) {
  const ReplicatedState& state = message.state;
  proto::LogSnapshot out;
  put(*out.mutable_term(), message.term);
  put(*out.mutable_at(), state.at);
  for (const auto& [id, in] : state.nodes) {
    auto* node = out.add_nodes();
    put(*node->mutable_reported(), in.facts);
    node->set_online(in.online);
    node->set_offline_reason(text(in.offline_reason, kReasonCharsMax));
    node->set_draining(in.draining);
    put(*node->mutable_condition(), in.condition);
    for (const LibraryModel& model : in.library) put(*node->add_library(), model);
  }
  for (const auto& [content, in] : state.models) put(*out.add_models(), in);
  out.set_epoch_last(state.epoch_last.value());
  for (const NodePair& link : state.links_avoided) put(*out.add_links_avoided(), link);
  for (const auto& [id, key] : state.access_keys) put(*out.add_access_keys(), key);
  return serialize(out);
}

template <>
Result<LogSnapshot> decode<LogSnapshot>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LogSnapshot>(bytes, "log snapshot"));
  LogSnapshot out;
  ReplicatedState& state = out.state;
  EXO_TRY(out.term, term_of(in.term(), "a log snapshot"));
  EXO_TRY(state.at, position_of(in.at(), "a log snapshot"));
  EXO_CHECK(within(in.nodes_size(), kMembersMax, "the nodes of a log snapshot"));
  for (const proto::NodeRecord& field : in.nodes()) {
    EXO_TRY(auto node, record_of(field));
    if (!state.nodes.insert(std::move(node)).second) {
      return fail(ErrorCode::corrupt, "a log snapshot with a node twice");
    }
  }
  EXO_CHECK(within(in.models_size(), kModelsMax, "the models of a log snapshot"));
  for (const proto::ModelRecord& field : in.models()) {
    EXO_TRY(ModelRecord model, model_record_of(field));
    const std::string content = model.served.content;
    if (!state.models.emplace(content, std::move(model)).second) {
      return fail(ErrorCode::corrupt, "a log snapshot with a model twice");
    }
  }
  state.epoch_last = PlanEpoch(in.epoch_last());
  EXO_CHECK(within(in.links_avoided_size(), kLinksMax, "the avoided links"));
  for (const proto::LinkEnds& field : in.links_avoided()) {
    EXO_TRY(const NodePair link, ends_of(field));
    state.links_avoided.insert(link);
  }
  EXO_CHECK(within(in.access_keys_size(), kAccessKeysMax, "the API keys of a log snapshot"));
  for (const proto::AccessKey& field : in.access_keys()) {
    EXO_TRY(AccessKey key, access_key_of(field));
    const AccessKeyId id = key.id;
    if (!state.access_keys.emplace(id, std::move(key)).second) {
      return fail(ErrorCode::corrupt, "a log snapshot with an API key twice");
    }
  }
  return out;
}

ByteVector encode(const LogProposal& message) {
  proto::LogProposal out;
  out.set_incarnation(message.incarnation);
  for (const Event& event : message.events) put(*out.add_events(), event);
  return serialize(out);
}

template <>
Result<LogProposal> decode<LogProposal>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LogProposal>(bytes, "log proposal"));
  LogProposal out;
  out.incarnation = in.incarnation();
  EXO_CHECK(within(in.events_size(), kEntriesMax, "the events of a proposal"));
  for (const proto::Event& field : in.events()) {
    EXO_TRY(Event event, event_of(field));
    out.events.push_back(std::move(event));
  }
  return out;
}

}  // namespace exogpu::wire
