#include "wire/removal.h"

#include "wire/cluster_coding.h"

namespace exogpu::wire {

ByteVector encode(const Removals& message) {
  proto::Removals out;
  for (const Removal& removal : message.list) {
    proto::Removal& to = *out.add_list();
    to.set_node(text_of(removal.node));
    to.set_by(text_of(removal.by));
    to.set_epoch(removal.epoch);
    to.set_removed_s(removal.removed_s);
    to.set_signature(text_of(removal.signature));
  }
  return serialize(out);
}

template <>
Result<Removals> decode<Removals>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Removals>(bytes, "removals"));
  EXO_CHECK(within(in.list_size(), kRemovalsMax, "the removed nodes"));
  Removals out;
  for (const proto::Removal& field : in.list()) {
    Removal removal{.node = {}, .by = {}, .epoch = field.epoch(), .removed_s = field.removed_s()};
    EXO_TRY(removal.node, node_of(field.node(), "a removed node"));
    EXO_TRY(removal.by, node_of(field.by(), "the node that removed another"));
    EXO_TRY(removal.signature, blob(field.signature(), kSignatureBytesMax, "the signature of a removal"));
    out.list.push_back(std::move(removal));
  }
  return out;
}

}  // namespace exogpu::wire
