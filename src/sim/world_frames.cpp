// The frames that nodes of a world send each other for requests and rings, over connections as TCP has them.
#include <algorithm>
#include <format>
#include <utility>

#include "sim/world_node.h"

namespace exogpu::sim {

using namespace wire;

namespace {

constexpr Duration kOpenAgain = std::chrono::milliseconds(20);

// Rows count as those of a small model.
size_t carried_bytes(const Frame& frame) {
  const auto* activation = std::get_if<Activation>(&frame.header.of);
  return activation != nullptr ? activation->rows * size_t{4096} : frame.payload.size();
}

}  // namespace

// A connection keeps the order and loses nothing, until it breaks; then all is lost that is in flight.
Result<void> World::send_frame(uint32_t from, uint32_t to, net::Outgoing outgoing) {
  if (channel_[from * nodes_.size() + to] == 0) return fail(ErrorCode::unavailable, "there is no channel to n{}", to);
  if (streams_[{from, to}].bytes > net::ChannelOptions().ordered_queue) {
    return fail(ErrorCode::resource_exhausted, "the ordered lane to n{} is full", to);
  }
  Frame frame = frame_of(outgoing);
  ++outcome_.messages;
  outcome_.message_bytes += carried_bytes(frame);
  count(from, to, carried_bytes(frame));
  if (has(InjectedBug::none)) {
    queue_frame(from, to, std::move(frame));
    return {};
  }
  for (Frame& each : tamper_.tamper(from, to, std::move(frame))) queue_frame(from, to, std::move(each));
  return {};
}

void World::queue_frame(uint32_t from, uint32_t to, Frame frame) {
  Stream& stream = streams_[{from, to}];
  Time at = now_ + network_.carry_surely(from, to, dice_);
  if (!stream.frames.empty()) at = std::max(at, stream.frames.back().at);
  stream.bytes += frame.payload.size();
  stream.frames.push_back({.at = at, .connection = connection(from, to), .frame = std::move(frame)});
  if (stream.frames.size() == 1) after(at - now_, [this, from, to] { arrive(from, to); });
}

void World::arrive(uint32_t from, uint32_t to) {
  Stream& stream = streams_[{from, to}];
  while (!stream.frames.empty()) {
    InFlight& first = stream.frames.front();
    const SimNode& node = *nodes_[to];
    const bool broken = first.connection != connection(from, to) || !node.alive;
    if (!broken) {
      Time at = first.at;
      if (!network_.open(from, to)) at = std::max(at, now_ + kOpenAgain);
      at = std::max(at, node.stalled_until);
      if (at > now_) {
        after(at - now_, [this, from, to] { arrive(from, to); });
        return;
      }
    }
    const Frame frame = std::move(first.frame);
    stream.bytes -= frame.payload.size();
    stream.frames.pop_front();
    // What it causes may be sent on this way only by another node's doing, and later.
    if (!broken && channel_[to * nodes_.size() + from] != 0) receive(from, to, frame);
  }
}

// As a node does it with the frames of a channel.
void World::receive(uint32_t from, uint32_t to, const Frame& frame) {
  SimNode& node = *nodes_[to];
  if (std::holds_alternative<Activation>(frame.header.of)) {
    const auto memory = node.frames->receive_buffer(node_id(from), frame.header);
    if (!memory) return;
    std::ranges::copy(frame.payload, memory->begin());
    return node.frames->on_activation(node_id(from), frame.header);
  }
  if (const auto done = on_control(from, to, frame); !done) {
    checks_.fail("a message of its own is refused: " + done.error().message);
  }
}

Result<void> World::on_control(uint32_t from, uint32_t to, const Frame& frame) {
  SimNode& node = *nodes_[to];
  const ControlType type = std::get<Control>(frame.header.of).type;
  if (pipeline::RingFrames::owns(type)) return node.frames->on_control(node_id(from), type, frame.payload);
  const std::set<std::string> was_busy = busy(to);
  if (pipeline::RequestServer::owns(type)) {
    EXO_CHECK(node.server->on_control(node_id(from), type, frame.payload));
  } else {
    EXO_TRY(const Generated generated, decode<Generated>(frame.payload));
    const uint32_t index = Clients::index_of(generated.request);
    if (index < node.clients_by_index.size()) {
      node.clients_by_index[index]->on_generated(node_id(from), generated);
    }
  }
  if (was_busy != busy(to)) drive(to);
  return {};
}

}  // namespace exogpu::sim
