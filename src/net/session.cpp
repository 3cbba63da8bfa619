#include "net/session.h"

#include <algorithm>
#include <utility>

#include "security/tls.h"

namespace exogpu::net {
namespace {

uint64_t microseconds(SteadyTime time) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

uint64_t wall_seconds(security::WallTime time) {
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return static_cast<uint64_t>(std::clamp<int64_t>(since, 0, wire::kClockMax));
}

}  // namespace

Session::Session(const LinkSelf& self, const ChannelOptions& options, const Certified& certified, SteadyTime now)
    : self_(self),
      options_(options),
      certified_(certified),
      inbox_(options.ordered_window, options.bulk_window),
      outbox_({options.urgent_queue, options.ordered_queue, options.bulk_queue}),
      keepalive_(options.ping_interval, options.silence_max, now),
      now_(now),
      greeting_until_(now + options.greeting_max) {
  peer_.node = certified.node;
  outbox_.push_link(wire::ControlType::hello, wire::encode(wire::Hello{.versions = self.versions,
                                                                       .node = self.node,
                                                                       .cluster = self.cluster,
                                                                       .incarnation = self.incarnation,
                                                                       .ordered_window = options.ordered_window,
                                                                       .bulk_window = options.bulk_window,
                                                                       .clock_s = wall_seconds(self.wall_clock())}));
}

void Session::forget_handler() {
  handler_ = nullptr;
  handler_forgotten_ = true;
}

Result<SendId> Session::send(Outgoing frame, SteadyTime now) {
  now_ = now;
  if (state_ == State::closing || state_ == State::closed) return std::unexpected(reason_);
  const auto* control = std::get_if<wire::Control>(&frame.header.of);
  if (control && control->type < wire::ControlType::first_of_users) {
    return fail(ErrorCode::invalid_argument, "control messages of type {} are reserved for the link itself",
                std::to_underlying(control->type));
  }
  return outbox_.push(std::move(frame), now);
}

void Session::cancel(SendId id) {
  outbox_.cancel(id, {.code = ErrorCode::cancelled, .message = "the frame was cancelled"});
}

void Session::pause(Lane lane, bool paused) {
  inbox_.pause(lane, paused);
  if (paused || state_ != State::open) return;
  if (const auto grants = inbox_.take_grants()) {
    outbox_.push_link(wire::ControlType::credit,
                      wire::encode(wire::Credit{.ordered_bytes = grants->ordered, .bulk_bytes = grants->bulk}));
  }
}

void Session::ping(SteadyTime now) {
  if (state_ != State::open) return;
  pinged_us_ = microseconds(now);
  outbox_.push_link(wire::ControlType::ping, wire::encode(wire::Ping{.sent_us = *pinged_us_}));
}

// Until the hello the options apply; the hello applies them again.
void Session::watch(Duration ping_interval, Duration silence_max, SteadyTime now) {
  options_.ping_interval = ping_interval;
  options_.silence_max = silence_max;
  keepalive_.watch(ping_interval, silence_max, now);
}

void Session::close(Error reason, SteadyTime now) {
  if (state_ == State::closing || state_ == State::closed) return;
  now_ = now;
  reason_ = std::move(reason);
  outbox_.cancel_all(reason_);
  outbox_.forget_link();  // a peer that is refused before its hello gets none
  outbox_.push_link(wire::ControlType::goodbye, wire::encode(wire::Goodbye{.reason = reason_}));
  state_ = State::closing;
  closing_until_ = now + options_.farewell_max;
}

void Session::closed(const Error& reason) {
  if (state_ == State::closed) return;
  if (state_ != State::closing) reason_ = reason;
  state_ = State::closed;
  outbox_.drop_all(reason_);
}

LinkStats Session::stats() const {
  LinkStats stats = stats_;
  stats.queued_bytes = outbox_.queued_bytes();
  stats.frames_sent = outbox_.frames_sent();
  return stats;
}

Error Session::about_peer(const Error& error) const {
  return {.code = error.code, .message = std::format("node {}: {}", peer_.node.short_text(), error.message)};
}

std::span<std::byte> Session::read_into() {
  const bool readable = state_ == State::greeting || (state_ == State::open && handler_);
  return readable ? inbox_.next() : std::span<std::byte>();
}

void Session::received(size_t bytes, SteadyTime now) {
  now_ = now;
  stats_.bytes_received += bytes;
  keepalive_.received(now);
  if (auto taken = inbox_.commit(bytes, *this); !taken) {
    close(about_peer(taken.error()), now);
    return;
  }
  if (!inbox_.within_piece()) {
    piece_until_.reset();
  } else if (!piece_until_ || piece_watched_ != inbox_.pieces_begun()) {
    piece_watched_ = inbox_.pieces_begun();
    piece_until_ = now + options_.piece_max;
  }
  if (state_ == State::open) pause(Lane::urgent, false);  // grants what is due
}

void Session::lost(const Error& why) {
  Error error = about_peer(why);
  if (inbox_.within_frame()) error.message += ", in the middle of a frame";
  closed(error);
}

void Session::wrote(size_t bytes) {
  stats_.bytes_sent += bytes;
  outbox_.consume(bytes);
  if (state_ == State::closing && outbox_.front().empty()) closed(reason_);
}

void Session::tick(SteadyTime now) {
  now_ = now;
  outbox_.expire(now);
  switch (state_) {
    case State::greeting:
      if (now >= greeting_until_) {
        closed(
            about_peer({.code = ErrorCode::deadline_exceeded, .message = "it is connected but sent no hello in time"}));
      }
      return;
    case State::open: break;
    case State::closing:
      if (now >= closing_until_) closed(reason_);
      return;
    case State::closed: return;
  }
  if (piece_until_ && keepalive_.was_suspended(now)) piece_until_ = now + options_.piece_max;
  switch (keepalive_.check(now)) {
    case Keepalive::Verdict::dead:
      fell_silent_ = true;
      closed(about_peer(
          {.code = ErrorCode::unavailable,
           .message = std::format("it sent nothing for {}",
                                  std::chrono::duration_cast<std::chrono::milliseconds>(options_.silence_max))}));
      return;
    case Keepalive::Verdict::ping: ping(now); break;
    case Keepalive::Verdict::fine: break;
  }
  if (piece_until_ && now >= *piece_until_) {
    close(about_peer({.code = ErrorCode::deadline_exceeded, .message = "it took too long to send a piece of a frame"}),
          now);
  }
}

SteadyTime Session::next_tick() const {
  SteadyTime next = SteadyTime::max();
  if (state_ == State::greeting) next = greeting_until_;
  if (state_ == State::closing) next = closing_until_;
  if (state_ == State::open) {
    next = keepalive_.next_check();
    if (piece_until_) next = std::min(next, *piece_until_);
  }
  if (const auto deadline = outbox_.next_deadline()) next = std::min(next, *deadline);
  return next;
}

bool Session::has_calls() const {
  return outbox_.has_done() || (state_ == State::closed && handler_ && !closed_reported_);
}

void Session::run_calls() {
  for (auto& done : outbox_.take_done()) done.call(std::move(done.result));
  for (const Lane lane : outbox_.take_writable_lanes()) {
    if (handler_ && state_ == State::open) handler_->on_writable(lane);
  }
  if (state_ == State::closed && handler_ && !closed_reported_) {
    closed_reported_ = true;
    handler_->on_closed(reason_);
  }
}

std::optional<std::span<std::byte>> Session::receive_buffer(const wire::FrameHeader& header) {
  return handler_ && state_ == State::open ? handler_->receive_buffer(header) : std::nullopt;
}

void Session::abandoned(const wire::FrameHeader& header) {
  if (handler_ && state_ == State::open) handler_->on_abandoned(header);
}

Result<void> Session::frame(Lane lane, const wire::FrameHeader& header, std::span<const std::byte> payload) {
  const auto* control = std::get_if<wire::Control>(&header.of);
  if (state_ == State::greeting) {
    if (control && control->type == wire::ControlType::hello) return greeted(payload);
    if (control && control->type == wire::ControlType::goodbye) return link_message(control->type, payload);
    return fail(ErrorCode::corrupt, "its first message is not a hello");
  }
  if (control && control->type < wire::ControlType::first_of_users) {
    if (lane != Lane::urgent) return fail(ErrorCode::corrupt, "a message of the link arrived in the wrong lane");
    return link_message(control->type, payload);
  }
  if (!handler_ || state_ != State::open) return {};
  ++stats_.frames_received;
  handler_->on_frame(header, payload);
  return {};
}

Result<void> Session::greeted(std::span<const std::byte> payload) {
  EXO_TRY(const auto versions, wire::decode_hello_versions(payload));
  EXO_TRY(peer_.protocol, wire::negotiate(self_.versions, versions));
  EXO_TRY(const auto hello, wire::decode<wire::Hello>(payload));
  if (hello.node != certified_.node) {
    return fail(ErrorCode::unauthenticated, "it claims to be node {}, but its certificate is for another node",
                hello.node.short_text());
  }
  if (hello.cluster != self_.cluster) {
    return fail(ErrorCode::unauthenticated, "it belongs to cluster {}, this node to {}", hello.cluster.short_text(),
                self_.cluster.short_text());
  }
  if (hello.node == self_.node) {
    if (hello.incarnation == self_.incarnation)
      return fail(ErrorCode::invalid_argument, "the address is that of this node itself");
    return fail(ErrorCode::already_exists, "another process has this node's identity, {}", self_.node.short_text());
  }
  EXO_CHECK(check_clocks(hello));
  peer_.versions = hello.versions;
  peer_.incarnation = hello.incarnation;
  outbox_.grant(Lane::ordered, hello.ordered_window);
  outbox_.grant(Lane::bulk, hello.bulk_window);
  keepalive_ = Keepalive(options_.ping_interval, options_.silence_max, now_);
  state_ = State::open;
  return {};
}

Result<void> Session::check_clocks(const wire::Hello& hello) {
  const security::WallTime now = self_.wall_clock();
  security::NodeClock peer{.node = certified_.node, .time = {}};
  if (hello.clock_s != 0) {
    peer.time = security::WallTime(std::chrono::seconds(hello.clock_s));
    peer_.clock_ahead = std::chrono::duration_cast<std::chrono::seconds>(*peer.time - now);
  }
  peer_.expired = now > certified_.validity.to && self_.renews();
  if (peer_.expired) return {};
  return security::check_validity(certified_.validity, peer, {.node = self_.node, .time = now});
}

Result<void> Session::link_message(wire::ControlType type, std::span<const std::byte> payload) {
  switch (type) {
    case wire::ControlType::ping: {
      EXO_TRY(const auto ping, wire::decode<wire::Ping>(payload));
      outbox_.push_link(wire::ControlType::pong,
                        wire::encode(wire::Pong{.ping_sent_us = ping.sent_us, .answered_us = microseconds(now_)}));
      return {};
    }
    case wire::ControlType::pong: {
      EXO_TRY(const auto pong, wire::decode<wire::Pong>(payload));
      return ponged(pong);
    }
    case wire::ControlType::credit: {
      EXO_TRY(const auto credit, wire::decode<wire::Credit>(payload));
      outbox_.grant(Lane::ordered, credit.ordered_bytes);
      outbox_.grant(Lane::bulk, credit.bulk_bytes);
      return {};
    }
    case wire::ControlType::goodbye: {
      EXO_TRY(const auto goodbye, wire::decode<wire::Goodbye>(payload));
      closed({.code = goodbye.reason.code,
              .message = std::format("node {} ended the link: {}", peer_.node.short_text(), goodbye.reason.message)});
      return {};
    }
    default:
      return fail(ErrorCode::corrupt, "a message of type {}, which is not allowed in a link", std::to_underlying(type));
  }
}

Result<void> Session::ponged(const wire::Pong& pong) {
  if (!pinged_us_ || pong.ping_sent_us != *pinged_us_) return {};  // answers an older ping
  const uint64_t now_us = microseconds(now_);
  const std::chrono::microseconds rtt(now_us - *pinged_us_);
  pinged_us_.reset();
  ++stats_.pongs;
  if (stats_.rtt_last) stats_.rtt_jitter += (std::chrono::abs(rtt - *stats_.rtt_last) - stats_.rtt_jitter) / 16;
  stats_.rtt_last = rtt;
  // The quickest exchange measures the clocks' difference best.
  if (!stats_.rtt_min || rtt <= *stats_.rtt_min) {
    stats_.rtt_min = rtt;
    const auto middle = pong.ping_sent_us + static_cast<uint64_t>(rtt.count()) / 2;
    stats_.clock_ahead = std::chrono::microseconds(static_cast<int64_t>(pong.answered_us - middle));
  }
  return {};
}

}  // namespace exogpu::net
