#include "wire/frame.h"

#include <cstring>
#include <utility>

namespace exogpu::wire {
namespace {

constexpr uint8_t kMagic = 0xE5;
constexpr uint8_t kLayout = 1;
constexpr uint8_t kFirst = 1, kLast = 2, kAbandoned = 4;
enum Kind : uint8_t { kControl = 1, kActivation = 2, kBulk = 3 };

template <typename T>
void put(std::byte* at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

template <typename T>
T get(const std::byte* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(at[i]) << (8 * i));
  return value;
}

std::string_view name(Lane lane) {
  return lane == Lane::urgent ? "urgent" : lane == Lane::ordered ? "ordered" : "bulk";
}

// The reason why a frame of this header is not allowed in `lane`; empty when it is.
std::string objection(const FrameHeader& header, Lane lane) {
  auto too_large = [&](std::string_view what, Bytes most) -> std::string {
    if (header.payload_bytes <= most) return "";
    return std::format("{} of {} bytes, at most {} are allowed", what, format_count(header.payload_bytes),
                       format_count(most));
  };
  if (std::holds_alternative<Control>(header.of)) {
    if (lane == Lane::bulk) return "a control frame in the bulk lane";
    return lane == Lane::urgent ? too_large("an urgent control frame", kUrgentBytesMax)
                                : too_large("a control frame", kControlBytesMax);
  }
  if (const auto* activation = std::get_if<Activation>(&header.of)) {
    if (lane != Lane::ordered) return std::format("an activation in the {} lane", name(lane));
    if (auto text = too_large("an activation", kActivationBytesMax); !text.empty()) return text;
    const auto row = row_bytes(activation->dtype, activation->columns);
    if (!row || activation->rows == 0 || *row > kActivationBytesMax ||
        *row * activation->rows != header.payload_bytes) {
      return std::format("an activation of {} x {} {} with {} bytes of payload", activation->rows, activation->columns,
                         to_string(activation->dtype), format_count(header.payload_bytes));
    }
    return "";
  }
  if (lane != Lane::bulk) return std::format("a bulk frame in the {} lane", name(lane));
  const auto& bulk = std::get<Bulk>(header.of);
  if (bulk.offset > UINT64_MAX - header.payload_bytes) return "a bulk frame whose end is past 2^64";
  return too_large("a bulk frame", kBulkBytesMax);
}

}  // namespace

PieceHeaderBytes encode(const PieceHeader& piece) {
  PieceHeaderBytes bytes{};
  put<uint8_t>(&bytes[0], kMagic);
  put<uint8_t>(&bytes[1], kLayout);
  put<uint8_t>(&bytes[2], static_cast<uint8_t>((piece.first ? kFirst : 0) | (piece.last ? kLast : 0) |
                                               (piece.abandoned ? kAbandoned : 0)));
  put<uint8_t>(&bytes[3], std::to_underlying(piece.lane));
  put<uint32_t>(&bytes[4], piece.bytes);
  return bytes;
}

Result<PieceHeader> decode_piece(std::span<const std::byte, kPieceHeaderBytes> bytes) {
  const auto magic = get<uint8_t>(&bytes[0]), layout = get<uint8_t>(&bytes[1]);
  const auto flags = get<uint8_t>(&bytes[2]), lane = get<uint8_t>(&bytes[3]);
  if (magic != kMagic) {
    return fail(ErrorCode::corrupt, "a piece begins with 0x{:02x} instead of 0x{:02x}: the stream is out of step",
                magic, kMagic);
  }
  if (layout != kLayout) {
    return fail(ErrorCode::unsupported, "frames are in layout {}, this node reads layout {}; update the older node",
                layout, kLayout);
  }
  if ((flags & ~(kFirst | kLast | kAbandoned)) != 0) {
    return fail(ErrorCode::corrupt, "a piece has unknown flags 0x{:02x}", flags);
  }
  if (lane >= kLanes) return fail(ErrorCode::corrupt, "a piece is in lane {}, which there is not", lane);
  const PieceHeader piece{.lane = static_cast<Lane>(lane),
                          .first = (flags & kFirst) != 0,
                          .last = (flags & kLast) != 0,
                          .abandoned = (flags & kAbandoned) != 0,
                          .bytes = get<uint32_t>(&bytes[4])};
  if (piece.bytes > kPieceBytesMax) {
    return fail(ErrorCode::corrupt, "a piece of {} bytes, at most {} are allowed", format_count(piece.bytes),
                format_count(kPieceBytesMax));
  }
  if (piece.first && piece.bytes < kFrameHeaderBytesMin) {
    return fail(ErrorCode::corrupt, "the first piece of a frame has {} bytes, too few for the frame's header",
                piece.bytes);
  }
  if (!piece.first && !piece.abandoned && piece.bytes == 0) {
    return fail(ErrorCode::corrupt, "a piece without bytes");
  }
  if (piece.abandoned && (piece.first || !piece.last || piece.bytes != 0)) {
    return fail(ErrorCode::corrupt, "a piece abandons its frame and goes on with it");
  }
  return piece;
}

Result<Bytes> frame_header_bytes(std::span<const std::byte, kFrameHeaderBytesMin> begin) {
  switch (const auto kind = get<uint8_t>(&begin[0])) {
    case kControl: return 8;
    case kActivation: return 32;
    case kBulk: return 24;
    default: return fail(ErrorCode::unsupported, "a frame of the unknown kind {}; update the older node", kind);
  }
}

Result<void> check_frame(const FrameHeader& header, Lane lane) {
  if (auto text = objection(header, lane); !text.empty()) {
    return fail(ErrorCode::invalid_argument, "{} cannot be sent", text);
  }
  return {};
}

EncodedFrameHeader encode(const FrameHeader& header) {
  EncodedFrameHeader encoded{.bytes = {}, .size = 8};
  std::byte* at = encoded.bytes.data();
  put<uint32_t>(at + 4, header.payload_bytes);
  if (const auto* control = std::get_if<Control>(&header.of)) {
    put<uint8_t>(at, kControl);
    put<uint16_t>(at + 2, std::to_underlying(control->type));
  } else if (const auto* activation = std::get_if<Activation>(&header.of)) {
    put<uint8_t>(at, kActivation);
    put<uint8_t>(at + 1, std::to_underlying(activation->dtype));
    put<uint64_t>(at + 8, activation->epoch.value());
    put<uint32_t>(at + 16, activation->sequence.value());
    put<uint32_t>(at + 20, activation->position);
    put<uint32_t>(at + 24, activation->rows);
    put<uint32_t>(at + 28, activation->columns);
    encoded.size = 32;
  } else {
    const auto& bulk = std::get<Bulk>(header.of);
    put<uint8_t>(at, kBulk);
    put<uint64_t>(at + 8, bulk.transfer.value());
    put<uint64_t>(at + 16, bulk.offset);
    encoded.size = 24;
  }
  return encoded;
}

Result<FrameHeader> decode_frame(std::span<const std::byte> bytes, Lane lane) {
  if (bytes.size() < kFrameHeaderBytesMin) return fail(ErrorCode::corrupt, "a frame's header is cut short");
  EXO_TRY(const Bytes size, frame_header_bytes(bytes.first<kFrameHeaderBytesMin>()));
  if (bytes.size() != size) return fail(ErrorCode::corrupt, "a frame's header is cut short");
  const std::byte* at = bytes.data();
  const auto kind = get<uint8_t>(at), dtype_number = get<uint8_t>(at + 1);
  const auto type = get<uint16_t>(at + 2);
  FrameHeader header{.of = Control{static_cast<ControlType>(type)}, .payload_bytes = get<uint32_t>(at + 4)};
  if ((kind != kControl && type != 0) || (kind != kActivation && dtype_number != 0)) {
    return fail(ErrorCode::corrupt, "a frame's header has a value in a field that its kind does not use");
  }
  if (kind == kActivation) {
    const auto dtype = dtype_from(dtype_number);
    if (!dtype) {
      return fail(ErrorCode::unsupported, "an activation of the unknown element type {}; update the older node",
                  dtype_number);
    }
    header.of = Activation{.epoch = PlanEpoch(get<uint64_t>(at + 8)),
                           .sequence = SeqId(get<uint32_t>(at + 16)),
                           .position = get<uint32_t>(at + 20),
                           .rows = get<uint32_t>(at + 24),
                           .columns = get<uint32_t>(at + 28),
                           .dtype = *dtype};
  } else if (kind == kBulk) {
    header.of = Bulk{.transfer = TransferId(get<uint64_t>(at + 8)), .offset = get<uint64_t>(at + 16)};
  }
  if (auto text = objection(header, lane); !text.empty()) return fail(ErrorCode::corrupt, "{}", text);
  return header;
}

}  // namespace exogpu::wire
