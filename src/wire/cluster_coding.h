// Encoding helpers that the cluster's messages share. Only for the .cpp files of this folder.
#pragma once

#include <string>
#include <string_view>

#include "proto/cluster.pb.h"
#include "wire/cluster.h"
#include "wire/condition.h"
#include "wire/election.h"
#include "wire/owner_limits.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {

// Errors: corrupt, naming `what`.
Result<std::string> name_of(const std::string& field, std::string_view what, size_t most = kNameCharsMax);
Result<NodeId> node_of(const std::string& field, std::string_view what);
Result<double> amount_of(double field, std::string_view what);

// As name_of() takes it.
std::string text(std::string_view field, size_t most = kNameCharsMax);

void put(proto::ServingSettings& out, const ServingSettings& in);
// `of` names the owner of the settings in the error.
Result<ServingSettings> settings_of(const proto::ServingSettings& in, std::string_view of);
// Where 0 stands for a default.
Result<ServingSettings> asked_settings_of(const proto::ServingSettings& in, std::string_view of);

void put(proto::NodeInfo& out, const NodeInfo& message);
void put(proto::StagePlan& out, const StagePlan& message);
Result<NodeInfo> node_info_of(const proto::NodeInfo& in);
Result<StagePlan> stage_plan_of(const proto::StagePlan& in);

void put(proto::OwnerLimits& out, const OwnerLimits& in);
Result<OwnerLimits> limits_of(const proto::OwnerLimits& in);

void put(proto::NodeCondition& out, const NodeCondition& in);
Result<NodeCondition> condition_of(const proto::NodeCondition& in);

// A leader counts up from the highest counter it has received: a limit, so that one message cannot exhaust it.
inline constexpr uint64_t kTermCounterMax = uint64_t{1} << 31;

void put(proto::Term& out, const Term& in);
void put(proto::Position& out, const Position& in);
void put(proto::Fitness& out, const Fitness& in);
Result<Term> term_of(const proto::Term& in, std::string_view what);
Result<Position> position_of(const proto::Position& in, std::string_view what);
Result<Fitness> fitness_of(const proto::Fitness& in);

}  // namespace exogpu::wire
