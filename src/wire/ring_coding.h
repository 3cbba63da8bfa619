// Encoding of what the messages of ring.h share. Only for the .cpp files of this folder.
#pragma once

#include <string_view>
#include <vector>

#include "proto/ring.pb.h"
#include "wire/proto_coding.h"
#include "wire/ring.h"

namespace exogpu::wire {

using SketchField = google::protobuf::RepeatedPtrField<proto::InputSketch>;
using TokenField = google::protobuf::RepeatedPtrField<proto::SampledToken>;

void put(proto::Sampling& out, const SamplerSettings& in);
void put(proto::SampledToken& out, const SampledToken& in);
void put(SketchField& out, const std::vector<InputSketch>& in);
// `name`: of the message that they are in. Errors: corrupt.
Result<SamplerSettings> sampling_of(const proto::Sampling& in, std::string_view name);
Result<std::vector<SampledToken>> tokens_of(const TokenField& field, std::string_view name);
Result<std::vector<InputSketch>> sketches_of(const SketchField& field, std::string_view name);

}  // namespace exogpu::wire
