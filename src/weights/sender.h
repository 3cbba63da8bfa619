// Sends a peer the objects that it requested.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "net/channel.h"
#include "weights/content.h"
#include "weights/exchange.h"
#include "weights/workers.h"
#include "wire/weights.h"

namespace exogpu::weights {

// On the exchange's thread. One for each peer; the channel must outlive it.
//
// Objects are sent from their mapping. A worker touches the pages of a frame before the channel gets it, so that the
// channel's thread does not wait for the disk.
class Sender : public std::enable_shared_from_this<Sender> {
 public:
  Sender(net::Channel& channel, std::shared_ptr<Workers> workers, WeightExchange::Post post,
         const ExchangeOptions& options)
      : channel_(channel), workers_(std::move(workers)), post_(std::move(post)), options_(options) {}

  // Objects are sent one after the other. `content` is null when this node does not offer it. What cannot be sent is
  // refused, also in the midst of an object when its file changes.
  void request(const wire::WeightsRequest& request, const std::shared_ptr<const Content>& content);
  void stop(wire::TransferId transfer);
  // The bulk lane has room again, or the ordered one.
  void on_writable();
  // To be called before the channel is destroyed. No calls follow.
  void end() { transfers_.clear(), waiting_.clear(), ended_ = true; }

  // Sends a control message; queues it while the lane is full.
  void send_message(wire::ControlType type, wire::ByteVector message);

  Bytes sent_bytes() const { return sent_bytes_; }

 private:
  struct Transfer {
    std::shared_ptr<const Content> content;
    std::span<const std::byte> bytes;  // the whole object
    uint64_t next = 0;                 // the first byte that no frame has
    std::vector<net::SendId> sends;    // not done
  };
  struct Frame {
    wire::TransferId transfer;
    uint64_t offset = 0;
    std::span<const std::byte> bytes;
    std::shared_ptr<const Content> content;
  };
  void refuse(wire::TransferId transfer, Error reason);
  void go_on();
  void touched(Frame frame);
  void send_waiting();

  net::Channel& channel_;
  const std::shared_ptr<Workers> workers_;
  const WeightExchange::Post post_;
  const ExchangeOptions options_;
  std::map<wire::TransferId, Transfer> transfers_;
  std::deque<wire::TransferId> order_;  // those with bytes that no frame has
  std::deque<Frame> waiting_;           // for room in the channel
  std::deque<net::Outgoing> words_;     // likewise
  uint32_t ahead_ = 0;
  Bytes sent_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace exogpu::weights
