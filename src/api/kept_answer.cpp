#include "api/kept_answer.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace exogpu::api {

namespace asio = boost::asio;

bool KeptAnswer::start(node::Service& service, wire::StreamId id, std::string owner, std::chrono::milliseconds linger,
                       Delivery& first) {
  const auto on_abandoned = [executor = wake_.get_executor(), weak = weak_from_this()] {
    asio::post(executor, [weak] {
      if (const auto self = weak.lock()) self->stop({ErrorCode::cancelled, "nobody reads this answer any more"});
    });
  };
  stream_ = service.keep_stream(id, {.owner = std::move(owner),
                                     .type = std::string(writer_->stream_type()),
                                     .linger = linger,
                                     .on_abandoned = on_abandoned});
  if (!stream_) return false;
  mailbox_->set_wake([this] { wake_.cancel(); });  // until close(), which run() calls
  asio::co_spawn(
      wake_.get_executor(),
      [self = shared_from_this(), begin = std::move(first)]() mutable { return self->run(std::move(begin)); },
      [self = shared_from_this()](const std::exception_ptr&) {
        // Also when memory ran out in the middle.
        self->mailbox_->close();
        self->stream_.reset();
      });
  return true;
}

void KeptAnswer::stop(Error why) {
  if (!stopped_) stopped_ = std::move(why);
  wake_.cancel();
}

asio::awaitable<void> KeptAnswer::run(Delivery delivery) {
  for (bool idle = false;;) {
    if (stopped_ && !delivery.ended) {
      delivery.error = stopped_;
      delivery.ended = true;
    }
    const bool ended = delivery.ended;
    if (!delivery.empty()) {
      stream_->append(writer_->events(std::move(delivery)));
    } else if (idle) {
      stream_->append(writer_->keep_alive());
    }
    if (ended) co_return;
    delivery = mailbox_->take();
    idle = false;
    if (!delivery.empty() || stopped_) continue;
    wake_.expires_after(comment_interval_);
    const auto [woken] = co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
    idle = !woken;
    delivery = mailbox_->take();
  }
}

}  // namespace exogpu::api
