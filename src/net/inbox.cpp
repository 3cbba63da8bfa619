#include "net/inbox.h"

#include <algorithm>
#include <variant>

namespace exogpu::net {
namespace {

constexpr Bytes kWasteBytes = 64 * KiB;

bool is_control(const wire::FrameHeader& header) { return std::holds_alternative<wire::Control>(header.of); }

}  // namespace

Inbox::Inbox(Bytes ordered_window, Bytes bulk_window) {
  auto set = [&](wire::Lane lane, Bytes window) {
    lanes_[static_cast<size_t>(lane)].window = window;
    lanes_[static_cast<size_t>(lane)].granted = window;
  };
  set(wire::Lane::ordered, ordered_window);
  set(wire::Lane::bulk, bulk_window);
}

std::span<std::byte> Inbox::next() {
  if (stage_ != Stage::payload) return std::span<std::byte>(head_).subspan(filled_, needed_ - filled_);
  LaneState& state = lane();
  if (is_control(state.header)) {
    state.own.resize(state.taken + payload_remaining_);
    return std::span(state.own).subspan(state.taken, payload_remaining_);
  }
  if (state.buffer) return state.buffer->subspan(state.taken, payload_remaining_);
  waste_.resize(kWasteBytes);
  return std::span(waste_).first(std::min(payload_remaining_, kWasteBytes));
}

Result<void> Inbox::commit(size_t bytes, InboxSink& sink) {
  if (stage_ == Stage::payload) {
    lane().taken += bytes;
    payload_remaining_ -= bytes;
    if (payload_remaining_ == 0) return end_piece(sink);
    return {};
  }
  filled_ += bytes;
  if (filled_ < needed_) return {};
  switch (stage_) {
    case Stage::piece_header: return begin_piece(sink);
    case Stage::frame_header_begin: {
      EXO_TRY(const Bytes size, wire::frame_header_bytes(std::span(head_).first<wire::kFrameHeaderBytesMin>()));
      if (size > piece_.bytes) return fail(ErrorCode::corrupt, "a piece ends within the header of its frame");
      needed_ = size;
      if (filled_ < needed_) {
        stage_ = Stage::frame_header_rest;
        return {};
      }
      return begin_frame(sink);
    }
    case Stage::frame_header_rest: return begin_frame(sink);
    case Stage::payload: break;
  }
  return {};
}

Result<void> Inbox::begin_piece(InboxSink& sink) {
  EXO_TRY(piece_, wire::decode_piece(std::span(head_).first<wire::kPieceHeaderBytes>()));
  ++pieces_begun_;
  filled_ = 0;
  LaneState& state = lane();
  if (state.window > 0) {
    state.arrived += piece_.bytes;
    if (state.arrived > state.granted) return fail(ErrorCode::corrupt, "the peer sent more bytes than it was granted");
  }
  if (piece_.first) {
    if (state.active) return fail(ErrorCode::corrupt, "a frame begins before the previous one has ended");
    stage_ = Stage::frame_header_begin;
    needed_ = wire::kFrameHeaderBytesMin;
    return {};
  }
  if (!state.active) return fail(ErrorCode::corrupt, "a piece continues a frame that has not begun");
  if (piece_.abandoned) {
    state.active = false;
    const auto header = state.header;
    const bool discarded = is_control(header) || !state.buffer;
    stage_ = Stage::piece_header;
    needed_ = wire::kPieceHeaderBytes;
    if (!discarded) sink.abandoned(header);
    return {};
  }
  payload_remaining_ = piece_.bytes;
  return begin_payload(sink);
}

Result<void> Inbox::begin_frame(InboxSink& sink) {
  LaneState& state = lane();
  EXO_TRY(state.header, wire::decode_frame(std::span(head_).first(needed_), piece_.lane));
  state.active = true;
  state.taken = 0;
  state.buffer = std::nullopt;
  state.own.clear();
  payload_remaining_ = piece_.bytes - needed_;
  if (payload_remaining_ > state.header.payload_bytes) {
    return fail(ErrorCode::corrupt, "a piece is longer than the rest of its frame");
  }
  if (!is_control(state.header)) {
    const auto buffer = sink.receive_buffer(state.header);
    if (buffer && buffer->size() != state.header.payload_bytes) {
      return fail(ErrorCode::internal, "the receive buffer has {} bytes for a payload of {}", buffer->size(),
                  state.header.payload_bytes);
    }
    state.buffer = buffer;
  }
  return begin_payload(sink);
}

Result<void> Inbox::begin_payload(InboxSink& sink) {
  const LaneState& state = lane();
  const Bytes remaining = state.header.payload_bytes - state.taken;
  if (payload_remaining_ > remaining) return fail(ErrorCode::corrupt, "a piece is longer than the rest of its frame");
  if (piece_.last != (payload_remaining_ == remaining)) {
    return fail(ErrorCode::corrupt, "a frame of {} bytes ends {} bytes {}", format_count(state.header.payload_bytes),
                format_count(remaining - payload_remaining_), piece_.last ? "too early" : "before its last piece");
  }
  stage_ = Stage::payload;
  if (payload_remaining_ == 0) return end_piece(sink);
  return {};
}

Result<void> Inbox::end_piece(InboxSink& sink) {
  stage_ = Stage::piece_header;
  filled_ = 0;
  needed_ = wire::kPieceHeaderBytes;
  if (!piece_.last) return {};
  LaneState& state = lane();
  state.active = false;
  const auto header = state.header;
  if (is_control(header)) return sink.frame(piece_.lane, header, state.own);
  if (state.buffer) return sink.frame(piece_.lane, header, *state.buffer);
  return {};
}

bool Inbox::within_frame() const {
  return within_piece() || std::ranges::any_of(lanes_, [](const LaneState& state) { return state.active; });
}

void Inbox::pause(wire::Lane lane, bool paused) { lanes_[static_cast<size_t>(lane)].paused = paused; }

std::optional<Inbox::Grants> Inbox::take_grants() {
  bool due = false;
  for (LaneState& state : lanes_) {
    if (state.window == 0 || state.paused) continue;
    // Sends more credit once half of the window is used.
    if (state.granted - state.arrived <= state.window / 2) {
      state.granted = state.arrived + state.window;
      due = true;
    }
  }
  if (!due) return std::nullopt;
  return Grants{.ordered = lanes_[static_cast<size_t>(wire::Lane::ordered)].granted,
                .bulk = lanes_[static_cast<size_t>(wire::Lane::bulk)].granted};
}

}  // namespace exogpu::net
