#include "wire/node_settings.h"

#include "base/utf8.h"
#include "wire/cluster_coding.h"

namespace exogpu::wire {

ByteVector encode(const NodeSettings& message) {
  proto::NodeSettings out;
  if (message.name) out.set_name(*message.name);
  if (!message.name_option.empty()) out.set_name_option(message.name_option);
  return serialize(out);
}

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
