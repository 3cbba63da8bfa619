// An answer that goes on when its client is gone: what is generated becomes the bytes of a stream that the node keeps.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "api/generation/answer_writer.h"
#include "api/generation/mailbox.h"
#include "node/service.h"

namespace exogpu::api {

// Lives until the answer has ended, or nobody has read it for too long. On the thread of the executor.
class KeptAnswer : public std::enable_shared_from_this<KeptAnswer> {
 public:
  // `comment_interval`: after so long without output the stream gets AnswerWriter::keep_alive().
  KeptAnswer(const boost::asio::any_io_executor& executor, std::shared_ptr<Mailbox> mailbox,
             std::unique_ptr<AnswerWriter> writer, std::chrono::milliseconds comment_interval)
      : mailbox_(std::move(mailbox)),
        writer_(std::move(writer)),
        comment_interval_(comment_interval),
        wake_(executor) {}
  KeptAnswer(const KeptAnswer&) = delete;
  KeptAnswer& operator=(const KeptAnswer&) = delete;

  // Begins with this delivery. False: the node keeps too many streams, and nothing has begun.
  bool start(node::Service& service, wire::StreamId id, std::string owner, std::chrono::milliseconds linger,
             Delivery& first);
  // The generation is cancelled, and the stream ends with this reason.
  void stop(Error why);

  // Of start(), while a node does not keep the stream.
  std::unique_ptr<AnswerWriter> release_writer() { return std::move(writer_); }

 private:
  boost::asio::awaitable<void> run(Delivery first);

  std::shared_ptr<Mailbox> mailbox_;
  std::unique_ptr<AnswerWriter> writer_;
  std::unique_ptr<node::StreamStore::Writer> stream_;
  std::chrono::milliseconds comment_interval_;
  boost::asio::steady_timer wake_;  // cancelled when the mailbox is not empty
  std::optional<Error> stopped_;
};

}  // namespace exogpu::api
