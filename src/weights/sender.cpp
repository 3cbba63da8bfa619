#include "weights/sender.h"

#include <algorithm>

namespace exogpu::weights {
namespace {

constexpr size_t kTransfersMax = 4096;
constexpr size_t kWordsMax = 8192;

void touch(std::span<const std::byte> bytes) {
  constexpr size_t kPage = 4096;
  for (size_t i = 0; i < bytes.size(); i += kPage) (void)*static_cast<const volatile std::byte*>(&bytes[i]);
}

}  // namespace

void Sender::send_message(wire::ControlType type, wire::ByteVector message) {
  if (ended_ || words_.size() >= kWordsMax) return;  // a peer that asks and asks and does not read
  auto owner = std::make_shared<const wire::ByteVector>(std::move(message));
  words_.push_back({.header = {.of = wire::Control{type}},
                    .lane = net::Lane::ordered,
                    .payload = {std::span(*owner)},
                    .owner = owner,
                    .within = std::nullopt,
                    .done = {}});
  send_waiting();
}

void Sender::refuse(wire::TransferId transfer, Error reason) {
  send_message(wire::ControlType::weights_refusal,
               wire::encode(wire::WeightsRefusal{.transfer = transfer, .reason = std::move(reason)}));
}

void Sender::request(const wire::WeightsRequest& request, const std::shared_ptr<const Content>& content) {
  auto no = [&](ErrorCode code, std::string why) {
    refuse(request.transfer, {.code = code, .message = std::move(why)});
  };
  if (!content) {
    return no(ErrorCode::not_found, std::format("model {} is not here", request.content.text()));
  }
  if (const auto unchanged = content->check(); !unchanged) {
    return no(unchanged.error().code, unchanged.error().message);
  }
  if (transfers_.size() >= kTransfersMax) return no(ErrorCode::resource_exhausted, "too many requests at once");
  if (transfers_.contains(request.transfer)) return no(ErrorCode::invalid_argument, "a transfer's number twice");
  Transfer transfer{.content = content, .bytes = content->encoded_manifest(), .next = request.from, .sends = {}};
  if (request.object) {
    if (*request.object >= content->manifest().object_count()) {
      return no(ErrorCode::invalid_argument,
                std::format("model {} has no object {}", request.content.short_text(), *request.object));
    }
    if (!content->has(*request.object)) {
      return no(ErrorCode::not_found,
                std::format("{} of model {} is not here", content->manifest().object_name(*request.object),
                            request.content.text()));
    }
    transfer.bytes = content->bytes(*request.object);
  }
  if (request.from >= transfer.bytes.size()) return no(ErrorCode::invalid_argument, "bytes past an object's end");
  transfers_.emplace(request.transfer, std::move(transfer));
  order_.push_back(request.transfer);
  go_on();
}

void Sender::stop(wire::TransferId transfer) {
  const auto found = transfers_.find(transfer);
  if (found == transfers_.end()) return;
  const auto sends = std::move(found->second.sends);
  transfers_.erase(found);
  std::erase(order_, transfer);
  ahead_ -=
      static_cast<uint32_t>(std::erase_if(waiting_, [&](const Frame& frame) { return frame.transfer == transfer; }));
  for (const net::SendId id : sends) channel_.cancel(id);
  go_on();
}

void Sender::go_on() {
  while (!order_.empty() && ahead_ < options_.frames_ahead) {
    const wire::TransferId id = order_.front();
    Transfer& transfer = transfers_.at(id);
    const Bytes size = std::min(options_.frame_bytes, transfer.bytes.size() - transfer.next);
    Frame frame{.transfer = id,
                .offset = transfer.next,
                .bytes = transfer.bytes.subspan(transfer.next, size),
                .content = transfer.content};
    transfer.next += size;
    if (transfer.next == transfer.bytes.size()) order_.pop_front();
    ++ahead_;
    workers_->run(0, [weak = weak_from_this(), post = post_, frame = std::move(frame)]() mutable {
      touch(frame.bytes);
      post([weak, frame = std::move(frame)]() mutable {
        if (const auto self = weak.lock()) self->touched(std::move(frame));
      });
    });
  }
}

void Sender::touched(Frame frame) {
  if (ended_) return;
  if (!transfers_.contains(frame.transfer)) {
    --ahead_;  // it was stopped meanwhile
    return go_on();
  }
  // The receiver would find a wrong hash, and blame this node for more than a file that has changed.
  if (auto unchanged = frame.content->check(); !unchanged) {
    --ahead_;
    stop(frame.transfer);
    return refuse(frame.transfer, std::move(unchanged).error());
  }
  waiting_.push_back(std::move(frame));
  send_waiting();
}

void Sender::on_writable() { send_waiting(); }

void Sender::send_waiting() {
  while (!words_.empty()) {
    net::Outgoing& word = words_.front();
    auto sent = channel_.send({.header = word.header,
                               .lane = word.lane,
                               .payload = word.payload,
                               .owner = word.owner,
                               .within = std::nullopt,
                               .done = {}});
    if (!sent && sent.error().code == ErrorCode::resource_exhausted) break;
    words_.pop_front();
  }
  while (!waiting_.empty()) {
    const Frame& frame = waiting_.front();
    const wire::TransferId id = frame.transfer;
    const bool last = frame.offset + frame.bytes.size() == transfers_.at(id).bytes.size();
    const auto size = frame.bytes.size();
    auto send_id = std::make_shared<net::SendId>();
    auto sent = channel_.send({.header = {.of = wire::Bulk{.transfer = id, .offset = frame.offset}},
                               .lane = net::Lane::bulk,
                               .payload = {frame.bytes},
                               .owner = frame.content,
                               .within = std::nullopt,
                               .done = [weak = weak_from_this(), id, last, send_id](const Result<void>&) {
                                 const auto self = weak.lock();
                                 if (!self || self->ended_) return;
                                 --self->ahead_;
                                 if (const auto found = self->transfers_.find(id); found != self->transfers_.end()) {
                                   std::erase(found->second.sends, *send_id);
                                   if (last) self->transfers_.erase(found);
                                 }
                                 self->go_on();
                               }});
    if (!sent) return;  // there is no room, or the channel is closing: the exchange is notified of both
    *send_id = *sent;
    transfers_.at(id).sends.push_back(*sent);
    sent_bytes_ += size;
    waiting_.pop_front();
  }
}

}  // namespace exogpu::weights
