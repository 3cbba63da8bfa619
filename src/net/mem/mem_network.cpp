#include "net/mem/mem_network.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>

namespace exogpu::net {
namespace {

struct End {
  End(const MemEndOptions& options, wire::NodeId peer, SteadyTime now)
      : session(options.self, options.channel, peer, now) {}
  Session session;
  std::deque<std::byte> outgoing;  // written, and not read by the other end yet
  const Channel* channel = nullptr;
};

}  // namespace

struct MemNetwork::Link {
  Link(const MemEndOptions& a, const MemEndOptions& b, const MemPipeOptions& pipes, SteadyTime now)
      : options(pipes), ends{End(a, b.self.node, now), End(b, a.self.node, now)} {}

  bool write(End& end) {
    bool moved = false;
    while (end.outgoing.size() < options.buffer_bytes) {
      auto bytes = end.session.to_write();
      if (bytes.empty()) break;
      bytes = bytes.first(
          std::min({bytes.size(), size_t{options.chunk_bytes}, size_t{options.buffer_bytes} - end.outgoing.size()}));
      end.outgoing.insert(end.outgoing.end(), bytes.begin(), bytes.end());
      end.session.wrote(bytes.size());
      moved = true;
    }
    return moved;
  }

  bool read(End& from, End& to, SteadyTime now) {
    if (silent) return false;
    bool moved = false;
    while (!from.outgoing.empty()) {
      const auto space = to.session.read_into();
      if (space.empty()) break;
      const size_t size = std::min({space.size(), size_t{options.chunk_bytes}, from.outgoing.size()});
      const auto end = from.outgoing.begin() + static_cast<std::ptrdiff_t>(size);
      std::copy(from.outgoing.begin(), end, space.begin());
      from.outgoing.erase(from.outgoing.begin(), end);
      to.session.received(size, now);
      moved = true;
    }
    // The end of the stream follows its last byte.
    if (from.outgoing.empty() && from.session.state() == Session::State::closed &&
        to.session.state() != Session::State::closed) {
      to.session.lost({.code = ErrorCode::unavailable, .message = "the connection has ended"});
      moved = true;
    }
    return moved;
  }

  bool step(SteadyTime now) {
    bool moved = false;
    for (size_t i = 0; i < 2; ++i) {
      End& end = ends[i];
      if (now >= end.session.next_tick()) end.session.tick(now);
      moved |= write(end);
      moved |= read(ends[1 - i], end, now);
      moved |= end.session.has_calls();
      end.session.run_calls();
    }
    return moved;
  }

  MemPipeOptions options;
  std::array<End, 2> ends;
  bool silent = false;
};

namespace {

class MemChannel final : public Channel {
 public:
  MemChannel(std::shared_ptr<MemNetwork::Link> link, size_t end, std::shared_ptr<const SteadyTime> now)
      : link_(std::move(link)), end_(link_->ends[end]), now_(std::move(now)) {
    end_.channel = this;
  }
  MemChannel(const MemChannel&) = delete;
  MemChannel& operator=(const MemChannel&) = delete;
  ~MemChannel() override {
    end_.channel = nullptr;
    end_.session.forget_handler();
    end_.session.close({.code = ErrorCode::cancelled, .message = "the channel was given up"}, *now_);
  }

  const Peer& peer() const override { return end_.session.peer(); }
  void start(ChannelHandler& handler) override { end_.session.start(handler); }
  Result<SendId> send(Outgoing frame) override { return end_.session.send(std::move(frame), *now_); }
  void cancel(SendId id) override { end_.session.cancel(id); }
  void pause(Lane lane) override { end_.session.pause(lane, true); }
  void resume(Lane lane) override { end_.session.pause(lane, false); }
  void close(Error reason) override { end_.session.close(std::move(reason), *now_); }
  void watch(Duration ping_interval, Duration silence_max) override {
    end_.session.watch(ping_interval, silence_max, *now_);
  }
  void ping() override { end_.session.ping(*now_); }
  LinkStats stats() const override { return end_.session.stats(); }

 private:
  std::shared_ptr<MemNetwork::Link> link_;
  End& end_;
  std::shared_ptr<const SteadyTime> now_;
};

}  // namespace

MemNetwork::MemNetwork(SteadyTime now) : now_(std::make_shared<SteadyTime>(now)) {}
MemNetwork::~MemNetwork() = default;

Result<MemNetwork::Pair> MemNetwork::connect(const MemEndOptions& a, const MemEndOptions& b,
                                             const MemPipeOptions& pipes) {
  auto link = std::make_shared<Link>(a, b, pipes, *now_);
  while (link->step(*now_)) {
  }
  for (End& end : link->ends) {
    if (end.session.state() != Session::State::open) return std::unexpected(end.session.reason());
  }
  links_.push_back(link);
  return Pair{.a = std::make_unique<MemChannel>(link, 0, now_), .b = std::make_unique<MemChannel>(link, 1, now_)};
}

void MemNetwork::pump(SteadyTime now) {
  *now_ = now;
  bool moved = true;
  while (moved) {
    moved = false;
    const auto links = links_;  // a handler may add links
    for (const auto& link : links) moved |= link->step(now);
  }
  std::erase_if(links_, [](const auto& link) {
    return std::ranges::all_of(link->ends, [](const End& end) {
      return end.session.state() == Session::State::closed && end.channel == nullptr;
    });
  });
}

SteadyTime MemNetwork::next_tick() const {
  SteadyTime next = SteadyTime::max();
  for (const auto& link : links_) {
    for (const End& end : link->ends) next = std::min(next, end.session.next_tick());
  }
  return next;
}

MemNetwork::Link* MemNetwork::find(const Channel& channel) {
  for (const auto& link : links_) {
    for (const End& end : link->ends) {
      if (end.channel == &channel) return link.get();
    }
  }
  return nullptr;
}

void MemNetwork::stop_delivery(const Channel& a_or_b) {
  if (Link* link = find(a_or_b)) link->silent = true;
}

void MemNetwork::cut(const Channel& a_or_b) {
  Link* link = find(a_or_b);
  if (!link) return;
  for (End& end : link->ends) {
    end.session.lost({.code = ErrorCode::unavailable, .message = "the connection has ended"});
  }
}

}  // namespace exogpu::net
