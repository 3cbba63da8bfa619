#include "wire/node_settings.h"

#include "base/utf8.h"
#include "wire/cluster_coding.h"

namespace exogpu::wire {

ByteVector encode(const NodeSettings& message) {
  proto::NodeSettings out;
  if (message.name) out.set_name(*message.name);
  if (!message.name_option.empty()) out.set_name_option(message.name_option);
  if (message.limits) {
    put(*out.mutable_limits(), message.limits->set);
    for (const Limit lifted : message.limits->lifted) out.add_limits_lifted(static_cast<uint32_t>(lifted));
  }
  if (message.limit_options != OwnerLimits()) put(*out.mutable_limit_options(), message.limit_options);
  return serialize(out);
}

namespace {

Result<LimitChanges> changes_of(const proto::NodeSettings& in) {
  LimitChanges out;
  EXO_TRY(out.set, limits_of(in.limits()));
  EXO_CHECK(within(in.limits_lifted_size(), static_cast<size_t>(kLimitLast) + 1, "the limits to lift"));
  for (const uint32_t lifted : in.limits_lifted()) {
    if (lifted > static_cast<uint32_t>(kLimitLast)) {
      return fail(ErrorCode::corrupt, "a limit that is not known here ({})", lifted);
    }
    out.lifted.push_back(static_cast<Limit>(lifted));
  }
  return out;
}

}  // namespace

template <>
Result<NodeSettings> decode<NodeSettings>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::NodeSettings>(bytes, "node settings"));
  NodeSettings out;
  if (in.has_name()) {
    EXO_TRY(out.name, name_of(in.name(), "the new name of a node"));
    if (const auto sound = check_node_name(*out.name); !sound) {
      return fail(ErrorCode::corrupt, "the new name of a node: {}", sound.error().message);
    }
  }
  EXO_TRY(out.name_option, name_of(in.name_option(), "the former name of a node"));
  if (in.has_limits()) {
    EXO_TRY(out.limits, changes_of(in));
  }
  EXO_TRY(out.limit_options, limits_of(in.limit_options()));
  return out;
}

Result<void> check_node_name(const std::string& name) {
  if (!name.empty() && name.size() <= kNameCharsMax && printable(name) == name &&
      name.find_first_of("/,:") == std::string::npos) {
    return {};
  }
  return fail(ErrorCode::invalid_argument,
              "\"{}\": the name of a node has 1 to {} characters that can be printed, and none of / , :",
              printable(name.substr(0, kNameCharsMax)), kNameCharsMax);
}

}  // namespace exogpu::wire
