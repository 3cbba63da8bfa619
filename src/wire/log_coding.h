// Encoding helpers that log entries and snapshots share. Only for the .cpp files of this folder.
#pragma once

#include "wire/cluster_coding.h"
#include "wire/cluster_log.h"

namespace exogpu::wire {

void put(proto::NodeReported& out, const NodeFacts& in);
void put(proto::ServedModel& out, const ServedModel& in);
void put(proto::ModelRecord& out, const ModelRecord& in);
void put(proto::PlanMade& out, const PlanMade& in);
void put(proto::LinkEnds& out, const NodePair& in);
void put(proto::LibraryReported& out, const LibraryReported& in);
void put(proto::LibraryModel& out, const LibraryModel& in);
void put(proto::AccessKey& out, const AccessKey& in);
void put(proto::Event& out, const Event& in);
Result<NodeFacts> facts_of(const proto::NodeReported& in);
Result<ServedModel> model_of(const proto::ServedModel& in);
Result<ModelRecord> model_record_of(const proto::ModelRecord& in);
Result<PlanMade> plan_made_of(const proto::PlanMade& in);
Result<NodePair> ends_of(const proto::LinkEnds& in);
Result<std::vector<LibraryModel>> library_of(const google::protobuf::RepeatedPtrField<proto::LibraryModel>& in);
Result<AccessKey> access_key_of(const proto::AccessKey& in);
Result<StagePhase> phase_of(uint32_t field);
Result<Event> event_of(const proto::Event& in);

}  // namespace exogpu::wire
