#include "net/tcp/tcp_channel.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <optional>
#include <utility>

#include "net/tcp/system/wire_bytes.h"

namespace exogpu::net {
namespace {

using boost::system::error_code;
using IoStatus = TlsStream::IoStatus;
using Socket = TlsStream::Socket;

// The size of a TLS record.
constexpr size_t kRecordBytes = 16 * KiB;
// Shorter spans are gathered into one record; longer ones are sent from their memory.
constexpr size_t kGatherBytes = 2 * KiB;
// After so many bytes the thread's other connections get their turn.
constexpr size_t kTurnBytes = 1 * MiB;
constexpr Duration kFarewellMax = std::chrono::seconds(1);

// Lives as long as the socket; the user's channel is a handle of it.
class Core : public std::enable_shared_from_this<Core> {
 public:
  using Opened = std::function<void(Result<std::unique_ptr<Channel>>)>;

  Core(TlsStream&& stream, const LinkSelf& self, const ChannelOptions& options, const Certified& peer, Opened opened)
      : session(self, options, peer, std::chrono::steady_clock::now()),
        stream_(std::move(stream)),
        timer_(stream_.socket().get_executor()),
        opened_(std::move(opened)) {
    session.set_peer_address(stream_.name());
  }

  // Does everything that can be done now, except the user's calls, which have a turn of their own.
  void kick() {
    if (in_turn_ || shut_) return;
    flush();
    if (session.has_calls() || session.state() == Session::State::closed) post_turn();
    wait();
  }

  void post_turn() {
    if (turn_posted_) return;
    turn_posted_ = true;
    boost::asio::post(stream_.socket().get_executor(), [self = shared_from_this()] {
      self->turn_posted_ = false;
      self->turn();
    });
  }

  void turn() {
    if (shut_) return;
    in_turn_ = true;
    const bool more = take_in();
    flush();
    if (opened_) report_opened();
    while (true) {
      session.run_calls();
      flush();
      if (!session.has_calls()) break;
    }
    in_turn_ = false;
    if (session.state() == Session::State::closed) return end();
    if (more) post_turn();
    wait();
  }

  LinkStats stats() {
    LinkStats stats = session.stats();
    if (const auto counted = shut_ ? std::nullopt : wire_bytes(stream_.socket().native_handle())) {
      stats.wire_bytes_sent = counted->sent;
      stats.wire_bytes_resent = counted->resent;
    }
    return stats;
  }

  Session session;

 private:
  // Returns whether more bytes are there already.
  bool take_in() {
    size_t budget = kTurnBytes;
    while (true) {
      const auto space = session.read_into();
      if (space.empty()) return false;
      if (budget == 0) return true;
      auto moved = stream_.read(space.first(std::min(space.size(), budget)));
      const auto now = std::chrono::steady_clock::now();
      if (!moved) {
        lost(moved.error());
        return false;
      }
      if (moved->bytes == 0) {
        read_wants_write_ = moved->progress == IoStatus::wants_write;
        return false;
      }
      budget -= moved->bytes;
      session.received(moved->bytes, now);
      if (opened_ && session.state() != Session::State::greeting) return true;
      flush();
    }
  }

  void flush() {
    // After the link has closed, the payload memory belongs to the user again.
    if (direct_ && session.state() == Session::State::closed) record_ = {};
    while (!write_waits_) {
      if (record_.empty() && !next_record()) return;
      const bool more = !gathered_all_;
      auto moved = stream_.write(record_, more);
      if (!moved) return lost(moved.error());
      if (moved->bytes == 0) {
        // While a record is stuck nothing else may be written, so `more` must not delay it.
        gathered_all_ = true;
        write_waits_ = true;
        write_wants_read_ = moved->progress == IoStatus::wants_read;
        return;
      }
      record_ = record_.subspan(moved->bytes);
      if (direct_) session.wrote(moved->bytes);
    }
  }

  // Prepares the next record: gathered from short spans, or a part of a long one.
  bool next_record() {
    auto bytes = session.to_write();
    if (bytes.empty()) return false;
    direct_ = bytes.size() >= kGatherBytes;
    if (direct_) {
      record_ = bytes.first(std::min(bytes.size(), kRecordBytes));
      gathered_all_ = record_.size() == bytes.size();
      return true;
    }
    size_t size = 0;
    while (!bytes.empty() && bytes.size() < kGatherBytes && size + bytes.size() <= gather_.size()) {
      std::memcpy(gather_.data() + size, bytes.data(), bytes.size());
      size += bytes.size();
      session.wrote(bytes.size());
      bytes = session.to_write();
    }
    record_ = std::span<const std::byte>(gather_).first(size);
    gathered_all_ = bytes.empty();
    return true;
  }

  void report_opened() {
    switch (session.state()) {
      case Session::State::greeting: return;
      case Session::State::open: return std::exchange(opened_, nullptr)(make_channel());
      case Session::State::closing:
      case Session::State::closed: {
        const Error& why = session.reason();
        return std::exchange(opened_, nullptr)(fail(why.code, "{}: {}", stream_.name(), why.message));
      }
    }
  }
  std::unique_ptr<Channel> make_channel();

  void wait() {
    if (shut_) return;
    if (!session.read_into().empty()) {
      if (read_wants_write_) {
        wait_write();
      } else {
        wait_read();
      }
    }
    if (write_waits_) {
      if (write_wants_read_) {
        wait_read();
      } else {
        wait_write();
      }
    }
    const SteadyTime next = session.next_tick();
    // A timer that fires early costs little; setting it for each frame costs more.
    if (!timer_for_ || next < *timer_for_) {
      timer_for_ = next;
      timer_.expires_at(next);
      timer_.async_wait([self = shared_from_this()](error_code error) {
        if (error || self->shut_) return;
        self->timer_for_.reset();
        self->session.tick(std::chrono::steady_clock::now());
        self->turn();
      });
    }
  }

  void wait_read() {
    if (std::exchange(waits_read_, true)) return;
    stream_.socket().async_wait(Socket::wait_read, [self = shared_from_this()](error_code error) {
      self->waits_read_ = false;
      if (self->write_wants_read_) self->write_waits_ = false;
      self->waited(error);
    });
  }
  void wait_write() {
    if (std::exchange(waits_write_, true)) return;
    stream_.socket().async_wait(Socket::wait_write, [self = shared_from_this()](error_code error) {
      self->waits_write_ = false;
      if (!self->write_wants_read_) self->write_waits_ = false;
      self->waited(error);
    });
  }
  void waited(error_code error) {
    if (shut_) return;
    if (error) lost({.code = ErrorCode::unavailable, .message = error.message()});
    turn();
  }

  void lost(const Error& why) {
    session.lost(why);
    record_ = {};
  }

  // The link is closed; its reason may still be in flight.
  void end() {
    if (record_.empty() || session.fell_silent()) return shut();
    wait_write();
    if (std::exchange(ending_, true)) return;
    timer_.expires_after(kFarewellMax);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->shut();
    });
  }

  void shut() {
    if (std::exchange(shut_, true)) return;
    timer_.cancel();
    error_code ignored;
    stream_.socket().cancel(ignored);
    // A silent peer acknowledges nothing. What was in flight may still arrive, but no more.
    if (session.fell_silent()) return stream_.reset();
    stream_.finish();
    TlsStream::linger(std::move(stream_));
  }

  TlsStream stream_;
  boost::asio::steady_timer timer_;
  std::optional<SteadyTime> timer_for_;
  Opened opened_;
  std::array<std::byte, kRecordBytes> gather_;
  std::span<const std::byte> record_;  // being sent, from gather_ or from the user's memory
  bool direct_ = false;                // from the user's memory
  bool gathered_all_ = true;           // nothing is known to follow record_
  bool in_turn_ = false;
  bool turn_posted_ = false;
  bool waits_read_ = false;  // for the socket to be readable
  bool waits_write_ = false;
  bool write_waits_ = false;  // record_ is stuck
  bool write_wants_read_ = false;
  bool read_wants_write_ = false;
  bool ending_ = false;
  bool shut_ = false;
};

class TcpChannel final : public Channel {
 public:
  explicit TcpChannel(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  TcpChannel(const TcpChannel&) = delete;
  TcpChannel& operator=(const TcpChannel&) = delete;
  ~TcpChannel() override {
    core_->session.forget_handler();
    close({.code = ErrorCode::cancelled, .message = "the channel was given up"});
  }

  const Peer& peer() const override { return core_->session.peer(); }
  void start(ChannelHandler& handler) override {
    core_->session.start(handler);
    core_->post_turn();  // bytes that have arrived are no longer in a socket, so no wait would report them
  }
  Result<SendId> send(Outgoing frame) override {
    auto id = core_->session.send(std::move(frame), std::chrono::steady_clock::now());
    if (id) core_->kick();
    return id;
  }
  void cancel(SendId id) override {
    core_->session.cancel(id);
    core_->kick();
  }
  void pause(Lane lane) override { core_->session.pause(lane, true); }
  void resume(Lane lane) override {
    core_->session.pause(lane, false);
    core_->kick();
  }
  void close(Error reason) override {
    core_->session.close(std::move(reason), std::chrono::steady_clock::now());
    core_->kick();
  }
  void watch(Duration ping_interval, Duration silence_max) override {
    core_->session.watch(ping_interval, silence_max, std::chrono::steady_clock::now());
    core_->kick();
  }
  void ping() override {
    core_->session.ping(std::chrono::steady_clock::now());
    core_->kick();
  }
  LinkStats stats() const override { return core_->stats(); }

 private:
  std::shared_ptr<Core> core_;
};

std::unique_ptr<Channel> Core::make_channel() { return std::make_unique<TcpChannel>(shared_from_this()); }

}  // namespace

void open_tcp_channel(TlsStream stream, const LinkSelf& self, const ChannelOptions& options,
                      const std::function<Result<void>(wire::NodeId)>& admits,
                      std::function<void(Result<std::unique_ptr<Channel>>)> done) {
  const auto peer = security::peer_of(stream.tls());
  if (!peer) {
    boost::asio::post(stream.socket().get_executor(),
                      [error = peer.error(), done = std::move(done)] { done(std::unexpected(error)); });
    return;
  }
  const Certified certified(*peer, security::validity_of_peer(stream.tls()));
  auto core = std::make_shared<Core>(std::move(stream), self, options, certified, std::move(done));
  if (admits) {
    if (auto admitted = admits(*peer); !admitted) {
      core->session.close(std::move(admitted).error(), std::chrono::steady_clock::now());
    }
  }
  core->post_turn();
}

}  // namespace exogpu::net
