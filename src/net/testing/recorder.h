// The user of a channel in tests: provides a buffer for every frame and records all calls.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "net/channel.h"
#include "net/session.h"

namespace exogpu::net::testing {

inline constexpr auto kNote = static_cast<wire::ControlType>(64);

class Recorder : public ChannelHandler {
 public:
  struct Frame {
    wire::FrameHeader header;
    std::vector<std::byte> payload;
  };

  std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader& header) override {
    if (drop && drop(header)) return std::nullopt;
    auto& memory = buffers[header.of.index()];
    memory.assign(header.payload_bytes, std::byte{0xEE});
    return memory;
  }
  void on_frame(const wire::FrameHeader& header, std::span<const std::byte> payload) override {
    if (!std::holds_alternative<wire::Control>(header.of)) {
      in_buffer &= payload.data() == buffers[header.of.index()].data();
    }
    frames.push_back({header, {payload.begin(), payload.end()}});
    if (then) then(frames.back());
  }
  void on_abandoned(const wire::FrameHeader& header) override { abandoned.push_back(header); }
  void on_writable(Lane lane) override { room.push_back(lane); }
  void on_closed(const Error& reason) override {
    closed.push_back(reason);
    if (then_closed) then_closed();
  }

  std::function<bool(const wire::FrameHeader&)> drop;
  std::function<void(const Frame&)> then;
  std::function<void()> then_closed;
  std::array<std::vector<std::byte>, 3> buffers;
  std::vector<Frame> frames;
  std::vector<wire::FrameHeader> abandoned;
  std::vector<Lane> room;
  std::vector<Error> closed;
  bool in_buffer = true;
};

// `size` bytes that differ by offset and by seed.
inline std::vector<std::byte> pattern(size_t size, uint8_t seed) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 131 + (i >> 8) * 7 + seed) & 0xFF);
  return bytes;
}

// Does not copy the payload.
inline Outgoing note(std::span<const std::byte> payload, Lane lane = Lane::ordered) {
  return {.header = {.of = wire::Control{kNote}},
          .lane = lane,
          .payload = {payload},
          .owner = nullptr,
          .within = std::nullopt,
          .done = {}};
}
inline Outgoing bulk(std::span<const std::byte> payload, uint64_t offset = 0) {
  Outgoing frame = note(payload, Lane::bulk);
  frame.header.of = wire::Bulk{.transfer = wire::TransferId(1), .offset = offset};
  return frame;
}
// Rows of `columns` f16 values.
inline Outgoing activation(std::span<const std::byte> payload, uint32_t columns, uint64_t epoch = 1) {
  Outgoing frame = note(payload, Lane::ordered);
  frame.header.of = wire::Activation{.epoch = wire::PlanEpoch(epoch),
                                     .sequence = wire::SeqId(3),
                                     .position = 17,
                                     .rows = static_cast<uint32_t>(payload.size() / 2 / columns),
                                     .columns = columns,
                                     .dtype = wire::Dtype::f16};
  return frame;
}

inline LinkSelf node_named(uint8_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> id{};
  id.fill(number);
  return {.versions = wire::own_versions(), .node = wire::NodeId(id), .cluster = {}, .incarnation = number};
}

}  // namespace exogpu::net::testing
