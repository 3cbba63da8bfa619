#include "net/group/member_link.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "net/tcp/connector.h"

namespace exogpu::net {
namespace {

constexpr size_t kTlsRecordBytes = 16 * KiB;  // of TLS
constexpr size_t kMembersAtOnce = 64;

// A machine that vanished without a word is noticed within some ten seconds also while nothing is sent to it.
void notice_vanished_peers(int socket) {
  const auto set = [&](int level, int option, int value) {
    ::setsockopt(socket, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
  set(IPPROTO_TCP, TCP_KEEPIDLE, 4);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 2);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
#endif
#ifdef TCP_USER_TIMEOUT
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);
#endif
}

// Runs until `done` has a value, on this thread.
template <typename T>
T run_until_done(boost::asio::io_context& io, std::optional<T>& done) {
  while (!done) {
    io.restart();
    io.run_one();
  }
  return *std::move(done);
}

}  // namespace

Result<std::unique_ptr<MemberLink>> MemberLink::connect(const security::TlsContext& tls, const std::string& host,
                                                        uint16_t port, wire::NodeId expected, Duration within) {
  std::unique_ptr<MemberLink> link(new MemberLink(expected));
  std::optional<Result<TlsStream::Socket>> connected;
  connect_socket(link->io_.get_executor(), host, port, within,
                 [&](Result<TlsStream::Socket> socket) { connected = std::move(socket); });
  EXO_TRY(auto socket, run_until_done(link->io_, connected));
  EXO_TRY(auto connection, tls.member_connection());
  EXO_TRY(auto stream, TlsStream::make(std::move(socket), std::move(connection), std::format("{}:{}", host, port)));
  std::optional<Result<TlsStream>> secured;
  shake_hands(std::move(stream), within, [&](Result<TlsStream> done) { secured = std::move(done); });
  EXO_TRY(auto ready, run_until_done(link->io_, secured));
  EXO_TRY(const wire::NodeId peer, security::valid_peer_of(ready.tls()));
  if (peer != expected)
    return fail(ErrorCode::unauthenticated, "{}: expected node {}, but node {} answered", ready.name(),
                expected.short_text(), peer.short_text());
  link->take(std::move(ready));
  return link;
}

Result<std::unique_ptr<MemberLink>> MemberLink::adopt(TlsStream stream, wire::NodeId peer) {
  std::unique_ptr<MemberLink> link(new MemberLink(peer));
  EXO_CHECK(stream.move_to(link->io_.get_executor()));
  link->take(std::move(stream));
  return link;
}

void MemberLink::take(TlsStream stream) {
  stream_.emplace(std::move(stream));
  socket_ = stream_->socket().native_handle();
  notice_vanished_peers(socket_);
}

void MemberLink::keep_unsent() {
  kept_.insert(kept_.end(), sending_.begin(), sending_.end());
  sending_ = {};
}

void MemberLink::receive_into(std::span<std::byte> payload) {
  EXO_ASSERT(head_ && payload.size() == head_->bytes, "memory for exactly the bytes of a frame");
  receiving_ = true;
  rest_ = payload;
}

void MemberLink::skip() {
  to_skip_ = head_->bytes;
  if (to_skip_ == 0) next();
}

void MemberLink::give_up_receiving() {
  if (!receiving_) return;
  to_skip_ = static_cast<uint32_t>(rest_.size());
  receiving_ = false;
  rest_ = {};
  if (to_skip_ == 0) next();
}

void MemberLink::next() {
  head_.reset();
  head_read_ = 0;
  receiving_ = false;
  rest_ = {};
}

Result<bool> MemberLink::pump() {
  if (broken_) return std::unexpected(*broken_);
  auto out = pump_out();
  auto in = out ? pump_in() : out;
  if (!in) {
    broken_ = in.error();
    return in;
  }
  return *out || *in;
}

Result<bool> MemberLink::pump_out() {
  bool moved = false;
  while (kept_sent_ < kept_.size()) {
    EXO_TRY(const size_t bytes, write(std::span(kept_).subspan(kept_sent_)));
    if (bytes == 0) return moved;
    kept_sent_ += bytes;
    moved = true;
  }
  kept_.clear();
  kept_sent_ = 0;
  while (!sending_.empty()) {
    EXO_TRY(const size_t bytes, write(sending_));
    if (bytes == 0) return moved;
    sending_ = sending_.subspan(bytes);
    moved = true;
  }
  return moved;
}

Result<size_t> MemberLink::write(std::span<const std::byte> from) {
  EXO_TRY(const auto moved, stream_->write(from, from.size() > kTlsRecordBytes));
  return moved.bytes;
}

Result<size_t> MemberLink::read(std::span<std::byte> into) {
  EXO_TRY(const auto moved, stream_->read(into));
  return moved.bytes;
}

Result<bool> MemberLink::pump_in() {
  std::array<std::byte, kTlsRecordBytes> waste;
  bool moved = false;
  while (wants_input()) {
    std::span<std::byte> into = rest_;
    if (!head_) into = std::span(head_bytes_).subspan(head_read_);
    if (to_skip_ > 0) into = std::span(waste).first(std::min<size_t>(to_skip_, waste.size()));
    EXO_TRY(const size_t bytes, read(into));
    if (bytes == 0) return moved;
    moved = true;
    if (!head_) {
      head_read_ += bytes;
      if (head_read_ < kMemberHeadBytes) continue;
      EXO_TRY(head_, read_head(head_bytes_));
    } else if (to_skip_ > 0) {
      to_skip_ -= static_cast<uint32_t>(bytes);
      if (to_skip_ == 0) next();
    } else {
      rest_ = rest_.subspan(bytes);
    }
  }
  return moved;
}

template <typename Done>
Result<void> MemberLink::pump_until(Done done, Duration within) {
  const auto until = SteadyTime::clock::now() + within;
  MemberLink* const self = this;
  while (true) {
    EXO_TRY(const bool moved, pump());
    if (done()) return {};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - SteadyTime::clock::now());
    if (left.count() <= 0) return fail(ErrorCode::deadline_exceeded, "{}: no message in time", name());
    if (!moved) wait({&self, 1}, static_cast<int>(left.count()));
  }
}

Result<void> MemberLink::send_message(std::span<const std::byte> message, Duration within) {
  std::vector<std::byte> frame(kMemberHeadBytes);
  frame.insert(frame.end(), message.begin(), message.end());
  write_head(
      {.step = 0, .operation = 0, .bytes = static_cast<uint32_t>(message.size()), .kind = MemberFrameKind::message},
      frame);
  send(frame);
  const auto sent_all = pump_until([this] { return sent(); }, within);
  keep_unsent();
  return sent_all;
}

Result<std::vector<std::byte>> MemberLink::receive_message(size_t bytes_max, Duration within) {
  EXO_CHECK(pump_until([this] { return arrived() != nullptr; }, within));
  if (arrived()->kind != MemberFrameKind::message || arrived()->bytes > bytes_max)
    return fail(ErrorCode::corrupt, "{}: its first frame is no message of a member", name());
  std::vector<std::byte> message(arrived()->bytes);
  receive_into(message);
  const auto all = pump_until([this] { return received(); }, within);
  if (!all) {
    give_up_receiving();
    return std::unexpected(all.error());
  }
  next();
  return message;
}

void MemberLink::wait(std::span<MemberLink* const> links, int milliseconds) {
  std::array<pollfd, kMembersAtOnce> polled{};
  size_t count = 0;
  for (const MemberLink* link : links) {
    if (count == polled.size()) break;
    const int events = (link->wants_input() ? POLLIN : 0) | (link->sent() ? 0 : POLLOUT);
    if (events == 0 || link->broken_) continue;
    polled[count++] = {.fd = link->socket_, .events = static_cast<short>(events), .revents = 0};
  }
  ::poll(polled.data(), count, milliseconds);
}

void MemberLink::abort() { ::shutdown(socket_, SHUT_RDWR); }

}  // namespace exogpu::net
