#include "net/outbox.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace exogpu::net {
namespace {

// A piece with less payload begins only if it ends its frame: credit that grows byte by byte must not lead to tiny
// pieces.
constexpr Bytes kPieceWorthwhile = 64 * KiB;

constexpr std::array kLaneNames{Lane::urgent, Lane::ordered, Lane::bulk};

size_t index_of(Lane lane) { return std::to_underlying(lane); }

}  // namespace

Outbox::Outbox(std::array<Bytes, wire::kLanes> queue_bytes_max) {
  for (size_t i = 0; i < wire::kLanes; ++i) lanes_[i].bytes_max = queue_bytes_max[i];
  lanes_[index_of(Lane::urgent)].granted = UINT64_MAX;
}

Result<SendId> Outbox::push(Outgoing frame, SteadyTime now) {
  Bytes bytes = 0;
  for (const auto& part : frame.payload) bytes += part.size();
  if (bytes > UINT32_MAX) return fail(ErrorCode::invalid_argument, "a frame of {} cannot be sent", format_bytes(bytes));
  frame.header.payload_bytes = static_cast<uint32_t>(bytes);
  EXO_CHECK(wire::check_frame(frame.header, frame.lane));
  LaneQueue& lane = lanes_[index_of(frame.lane)];
  const Bytes cost = bytes + wire::kFrameHeaderBytesMax;  // so that empty frames also fill the queue
  // A frame larger than the whole queue may wait alone.
  if (lane.bytes > 0 && lane.bytes + cost > lane.bytes_max) {
    lane.refused = true;
    return fail(ErrorCode::resource_exhausted, "{} are queued for the peer, which receives them more slowly",
                format_bytes(lane.bytes));
  }
  lane.bytes += cost;
  const SendId id(++last_id_);
  std::optional<SteadyTime> deadline;
  if (frame.within) {
    deadline = now + *frame.within;
    ++deadlines_;
  }
  lane.frames.push_back({.id = id,
                         .header = frame.header,
                         .parts = std::move(frame.payload),
                         .deadline = deadline,
                         .given_up = std::nullopt,
                         .owner = std::move(frame.owner),
                         .done = std::move(frame.done)});
  return id;
}

void Outbox::push_link(wire::ControlType type, wire::ByteVector message) {
  const wire::FrameHeader header{.of = wire::Control{type}, .payload_bytes = static_cast<uint32_t>(message.size())};
  auto owner = std::make_shared<wire::ByteVector>(std::move(message));
  Frame frame{.header = header,
              .parts = {std::span<const std::byte>(*owner)},
              .deadline = std::nullopt,
              .given_up = std::nullopt,
              .owner = owner,
              .done = {}};
  for (Frame& waiting : link_) {
    if (!waiting.begun && waiting.header.of == header.of) {
      waiting = std::move(frame);
      return;
    }
  }
  link_.push_back(std::move(frame));
}

void Outbox::forget_link() {
  std::erase_if(link_, [](const Frame& frame) { return !frame.begun; });
}

void Outbox::finish(Frame& frame, LaneQueue* lane, Result<void> result) {
  if (lane) lane->bytes -= frame.header.payload_bytes + wire::kFrameHeaderBytesMax;
  if (frame.deadline) --deadlines_;
  if (result) ++frames_sent_;
  if (frame.done) {
    done_.push_back({.call = std::move(frame.done), .result = std::move(result), .owner = std::move(frame.owner)});
  }
}

void Outbox::give_up(Lane name, size_t index, const Error& reason) {
  LaneQueue& lane = lanes_[index_of(name)];
  Frame& frame = lane.frames[index];
  if (frame.begun) {
    if (!frame.given_up) frame.given_up = reason;  // sent to the end of its piece
    return;
  }
  finish(frame, &lane, std::unexpected(reason));
  lane.frames.erase(lane.frames.begin() + static_cast<std::ptrdiff_t>(index));
}

void Outbox::cancel(SendId id, const Error& reason) {
  for (const Lane name : kLaneNames) {
    auto& frames = lanes_[index_of(name)].frames;
    const auto found = std::ranges::find(frames, id, &Frame::id);
    if (found == frames.end()) continue;
    give_up(name, static_cast<size_t>(found - frames.begin()), reason);
    return;
  }
}

void Outbox::expire(SteadyTime now) {
  if (deadlines_ == 0) return;
  for (const Lane name : kLaneNames) {
    auto& frames = lanes_[index_of(name)].frames;
    for (size_t i = frames.size(); i-- > 0;) {
      if (frames[i].deadline && *frames[i].deadline <= now && !frames[i].given_up) {
        give_up(name, i,
                {.code = ErrorCode::deadline_exceeded, .message = "the frame was not sent before its deadline"});
      }
    }
  }
}

std::optional<SteadyTime> Outbox::next_deadline() const {
  std::optional<SteadyTime> next;
  if (deadlines_ == 0) return next;
  for (const LaneQueue& lane : lanes_) {
    for (const Frame& frame : lane.frames) {
      if (frame.deadline && !frame.given_up && (!next || *frame.deadline < *next)) next = frame.deadline;
    }
  }
  return next;
}

void Outbox::cancel_all(const Error& reason) {
  for (const Lane name : kLaneNames) {
    for (size_t i = lanes_[index_of(name)].frames.size(); i-- > 0;) give_up(name, i, reason);
  }
}

void Outbox::drop_all(const Error& reason) {
  for (LaneQueue& lane : lanes_) {
    for (Frame& frame : lane.frames) finish(frame, &lane, std::unexpected(reason));
    lane.frames.clear();
  }
  link_.clear();
  piece_ = {};
}

void Outbox::grant(Lane lane, uint64_t total) {
  uint64_t& granted = lanes_[index_of(lane)].granted;
  granted = std::max(granted, total);
}

bool Outbox::begin_piece(std::deque<Frame>& queue, LaneQueue* lane, Lane name) {
  if (queue.empty()) return false;
  Frame& frame = queue.front();
  wire::PieceHeader header{.lane = name, .first = !frame.begun, .last = true, .abandoned = false, .bytes = 0};
  piece_.head_size = wire::kPieceHeaderBytes;
  piece_.payload_remaining = 0;
  if (frame.given_up) {
    header.abandoned = true;
  } else {
    const Bytes remaining = frame.header.payload_bytes - frame.cut_bytes;
    wire::EncodedFrameHeader encoded;
    if (header.first) encoded = wire::encode(frame.header);
    Bytes payload = std::min(remaining, wire::kPiecePayloadMax);
    if (lane) {
      const Bytes room = lane->granted - lane->used;
      if (room < encoded.size + std::min(payload, kPieceWorthwhile)) return false;
      payload = std::min(payload, room - encoded.size);
      lane->used += encoded.size + payload;
    }
    header.last = payload == remaining;
    header.bytes = static_cast<uint32_t>(encoded.size + payload);
    std::memcpy(piece_.head.data() + piece_.head_size, encoded.bytes.data(), encoded.size);
    piece_.head_size += encoded.size;
    piece_.payload_remaining = payload;
    frame.cut_bytes += static_cast<uint32_t>(payload);
  }
  const auto bytes = wire::encode(header);
  std::memcpy(piece_.head.data(), bytes.data(), bytes.size());
  piece_.head_sent = 0;
  piece_.last = header.last;
  piece_.queue = &queue;
  piece_.lane = lane;
  frame.begun = true;
  return true;
}

bool Outbox::begin_piece() {
  if (begin_piece(link_, nullptr, Lane::urgent)) return true;
  for (const Lane name : kLaneNames) {
    LaneQueue& lane = lanes_[index_of(name)];
    if (begin_piece(lane.frames, &lane, name)) return true;
  }
  return false;
}

std::span<const std::byte> Outbox::front() {
  if (!piece_.queue && !begin_piece()) return {};
  if (piece_.head_sent < piece_.head_size) {
    return std::span<const std::byte>(piece_.head).subspan(piece_.head_sent, piece_.head_size - piece_.head_sent);
  }
  Frame& frame = piece_.queue->front();
  while (frame.part_offset == frame.parts[frame.part].size()) {
    ++frame.part;
    frame.part_offset = 0;
  }
  const auto part = frame.parts[frame.part].subspan(frame.part_offset);
  return part.first(std::min(part.size(), piece_.payload_remaining));
}

void Outbox::consume(size_t bytes) {
  if (piece_.head_sent < piece_.head_size) {
    piece_.head_sent += bytes;
  } else {
    piece_.queue->front().part_offset += bytes;
    piece_.payload_remaining -= bytes;
  }
  if (piece_.head_sent == piece_.head_size && piece_.payload_remaining == 0) end_piece();
}

void Outbox::end_piece() {
  std::deque<Frame>& queue = *piece_.queue;
  if (piece_.last) {
    Frame& frame = queue.front();
    const bool whole = frame.cut_bytes == frame.header.payload_bytes;
    finish(frame, piece_.lane, whole || !frame.given_up ? Result<void>() : std::unexpected(*frame.given_up));
    queue.pop_front();
  }
  piece_.queue = nullptr;
}

std::vector<Lane> Outbox::take_writable_lanes() {
  std::vector<Lane> room;
  for (const Lane name : kLaneNames) {
    LaneQueue& lane = lanes_[index_of(name)];
    if (lane.refused && lane.bytes <= lane.bytes_max / 2) {
      lane.refused = false;
      room.push_back(name);
    }
  }
  return room;
}

Bytes Outbox::queued_bytes() const {
  Bytes sum = 0;
  for (const LaneQueue& lane : lanes_) sum += lane.bytes;
  return sum;
}

}  // namespace exogpu::net
