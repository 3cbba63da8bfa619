// Any bytes from an authenticated peer are refused, or become frames whose buffers are as long as their payload.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "net/session.h"

namespace {

using namespace exogpu;
using namespace exogpu::net;

const SteadyTime kStart{std::chrono::hours(1)};

struct Handler : ChannelHandler {
  std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader& header) override {
    if (header.payload_bytes > 8 * MiB) return std::nullopt;
    auto& room = buffers[header.of.index()];
    room.assign(header.payload_bytes, std::byte{});
    return room;
  }
  void on_frame(const wire::FrameHeader& header, std::span<const std::byte> payload) override {
    if (payload.size() != header.payload_bytes || closed) std::abort();
  }
  void on_closed(const Error&) override { closed = true; }
  std::vector<std::byte> buffers[3];
  bool closed = false;
};

}  // namespace

// The first byte is the number of bytes per read; the rest follows a valid hello.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t step = data[0] + size_t{1};
  const wire::NodeId peer(std::array<uint8_t, 16>{1});
  Session session({}, {}, peer, kStart);
  Handler handler;
  session.start(handler);

  const auto hello = wire::encode(wire::Hello{.versions = wire::own_versions(), .node = peer, .cluster = {}});
  const wire::FrameHeader header{.of = wire::Control{wire::ControlType::hello},
                                 .payload_bytes = static_cast<uint32_t>(hello.size())};
  std::vector<std::byte> bytes;
  auto append = [&](std::span<const std::byte> more) { bytes.insert(bytes.end(), more.begin(), more.end()); };
  append(wire::encode(wire::PieceHeader{
      .lane = Lane::urgent, .first = true, .last = true, .bytes = static_cast<uint32_t>(8 + hello.size())}));
  append(wire::encode(header).span());
  append(hello);
  append(std::as_bytes(std::span(data, size)).subspan(1));

  std::span<const std::byte> rest(bytes);
  while (!rest.empty()) {
    const auto buffer = session.read_into();
    if (buffer.empty()) break;
    const size_t n = std::min({buffer.size(), rest.size(), step});
    std::memcpy(buffer.data(), rest.data(), n);
    session.received(n, kStart);
    rest = rest.subspan(n);
  }
  for (auto out = session.to_write(); !out.empty(); out = session.to_write()) session.wrote(out.size());
  session.lost({.code = ErrorCode::unavailable, .message = "end"});
  session.run_calls();
  if (!handler.closed) std::abort();
  return 0;
}
