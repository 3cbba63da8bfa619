// A connection between two members of a group, for the thread that computes: it encrypts, sends and receives itself,
// and neither the node's thread nor its channels see the bytes.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/group/member_frame.h"
#include "net/tcp/tls_stream.h"
#include "security/tls.h"
#include "wire/node_id.h"

namespace exogpu::net {

// One thread; abort() may be called by any.
class MemberLink {
 public:
  // Connects to this node. Blocks, for at most `within` for each of connection and handshake.
  // Errors: unavailable, deadline_exceeded, unauthenticated (another node, or of another cluster), unsupported.
  static Result<std::unique_ptr<MemberLink>> connect(const security::TlsContext& tls, const std::string& host,
                                                     uint16_t port, wire::NodeId expected, Duration within);
  // Takes over a connection whose handshake is done, from the thread of its executor. Errors: unavailable.
  static Result<std::unique_ptr<MemberLink>> adopt(TlsStream stream, wire::NodeId peer);

  wire::NodeId peer() const { return peer_; }
  const std::string& name() const { return stream_->name(); }  // the peer's address, for messages

  // Sends a frame, head and all: bytes leave with each pump(). They must not change until sent(), or until
  // keep_unsent() has copied the rest, which leaves before the next frame. Precondition: one of the two holds for the
  // last frame.
  void send(std::span<const std::byte> frame) { sending_ = frame; }
  bool sent() const { return kept_sent_ == kept_.size() && sending_.empty(); }
  void keep_unsent();

  // The head of the frame that arrives next, once it is here; null before, and when either of these has been called:
  // receive_into() memory for exactly its bytes, or skip() them.
  const MemberFrameHead* arrived() const { return head_ && !receiving_ && to_skip_ == 0 ? &*head_ : nullptr; }
  void receive_into(std::span<std::byte> payload);
  void skip();
  bool received() const { return receiving_ && rest_.empty(); }
  void next();               // after received(): on to the next frame
  void give_up_receiving();  // the memory of receive_into() belongs to others again; the rest of the frame is skipped

  // Moves what can be moved without waiting; true: some bytes. Errors: unavailable (the connection was lost), corrupt
  // (what arrives is no frame); the same again from then on.
  Result<bool> pump();
  // Waits until pump() can move something on one of the links, or for so long; negative: without limit.
  static void wait(std::span<MemberLink* const> links, int milliseconds);

  // Before the link belongs to a mesh: sends a message of step 0, and receives one of at most so many bytes. They wait.
  // Errors: those of pump(), deadline_exceeded, corrupt (another frame, or a longer one).
  Result<void> send_message(std::span<const std::byte> message, Duration within);
  Result<std::vector<std::byte>> receive_message(size_t bytes_max, Duration within);

  // Ends the connection: pump() fails from now on. Any thread.
  void abort();

 private:
  explicit MemberLink(wire::NodeId peer) : peer_(peer) {}
  void take(TlsStream stream);
  template <typename Done>
  Result<void> pump_until(Done done, Duration within);
  Result<bool> pump_out();
  Result<bool> pump_in();
  Result<size_t> write(std::span<const std::byte> from);
  Result<size_t> read(std::span<std::byte> into);
  bool wants_input() const { return !head_ || to_skip_ > 0 || !rest_.empty(); }

  boost::asio::io_context io_{1};  // owns the socket; not run after the handshake
  std::optional<TlsStream> stream_;
  wire::NodeId peer_;
  int socket_ = -1;
  std::optional<Error> broken_;

  std::vector<std::byte> kept_;  // of frames whose memory belongs to others again; sent first
  size_t kept_sent_ = 0;
  std::span<const std::byte> sending_;

  std::array<std::byte, kMemberHeadBytes> head_bytes_{};
  size_t head_read_ = 0;
  std::optional<MemberFrameHead> head_;
  bool receiving_ = false;
  std::span<std::byte> rest_;  // of the payload: what is missing
  uint32_t to_skip_ = 0;
};

}  // namespace exogpu::net
