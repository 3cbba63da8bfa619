// The part of a connection that sends what comes later than its request: the cluster's changes, a reply that takes
// time.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "api/connection.h"
#include "api/http_chunk.h"
#include "base/mutex.h"

namespace exogpu::api {

namespace asio = boost::asio;

namespace {

// A reply on its way from another thread. What arrives after close() has no effect: the server may be gone.
class LateReply : public std::enable_shared_from_this<LateReply> {
 public:
  // `wake` is called on the executor's thread, as long as this is not closed.
  LateReply(asio::any_io_executor executor, std::function<void()> wake)
      : executor_(std::move(executor)), wake_(std::move(wake)) {}

  void deliver(Reply reply) EXO_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (closed_) return;
    reply_ = std::move(reply);
    asio::post(executor_, [self = shared_from_this()] { self->wake(); });
  }
  std::optional<Reply> take() EXO_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return std::exchange(reply_, std::nullopt);
  }
  void close() EXO_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    closed_ = true;
  }

 private:
  void wake() EXO_EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (closed_) return;
    }
    wake_();  // on the thread that closes
  }

  const asio::any_io_executor executor_;
  const std::function<void()> wake_;
  Mutex mutex_;
  std::optional<Reply> reply_ EXO_GUARDED_BY(mutex_);
  bool closed_ EXO_GUARDED_BY(mutex_) = false;
};

// Also where the coroutine ends with the server.
class ClosedAtEnd {
 public:
  explicit ClosedAtEnd(std::shared_ptr<LateReply> late) : late_(std::move(late)) {}
  ClosedAtEnd(const ClosedAtEnd&) = delete;
  ClosedAtEnd& operator=(const ClosedAtEnd&) = delete;
  ~ClosedAtEnd() { late_->close(); }

 private:
  std::shared_ptr<LateReply> late_;
};

}  // namespace

Connection::Awaitable<bool> Connection::send_feed(Feed feed) {
  if (head_only_) co_return co_await write_reply({.type = "text/event-stream"});
  begin_watch();
  std::string out = stream_head("text/event-stream", {});
  auto sent_at = std::chrono::steady_clock::now();
  while (!gone_ && !ending_) {
    const auto now = std::chrono::steady_clock::now();
    std::string events = feed.next();
    // A client that has ended its side may be gone: it is sent something, which shows that.
    const bool probe = std::exchange(probe_due_, false) || now - sent_at >= shared_.options.comment_interval;
    if (events.empty() && probe) events = ": \n\n";
    if (!events.empty()) {
      out += http_1_0_ ? events : chunk(events);
      const bool taken = co_await write(std::exchange(out, {}));
      if (!taken) break;
      sent_at = now;
    }
    wake_.expires_after(feed.every);
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  end_watch();
  co_return false;
}

Connection::Awaitable<bool> Connection::answer_later(LaterReply begin) {
  begin_watch();
  const auto late = std::make_shared<LateReply>(socket_.get_executor(), [this] { wake_.cancel(); });
  const ClosedAtEnd closed(late);
  begin([late](Reply reply) { late->deliver(std::move(reply)); });
  auto reply = late->take();
  while (!reply && !gone_ && !ending_) {
    wake_.expires_at(asio::steady_timer::time_point::max());
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
    reply = late->take();
  }
  end_watch();
  if (gone_) co_return false;
  if (!reply) reply = error_reply(to_api_error(*ending_));
  co_return co_await write_reply(*std::move(reply));
}

}  // namespace exogpu::api
