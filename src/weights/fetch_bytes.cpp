// A fetch and the bytes that it receives: accepted in order, hashed, written, verified.
#include "base/assert.h"
#include "weights/fetch.h"

namespace exogpu::weights {

bool Fetch::accepts(const wire::NodeId& peer, const wire::Bulk& frame, Bytes bytes) {
  const auto at = sources_.find(peer);
  if (at == sources_.end()) return false;
  Source& source = at->second;
  const auto found = source.transfers.find(frame.transfer);
  if (found == source.transfers.end()) return false;
  const Transfer& transfer = found->second;
  const uint64_t next = transfer.object ? objects_[*transfer.object].received : manifest_.size();
  if (frame.offset == next && bytes <= transfer.remaining) return true;
  penalize(peer, source, {.code = ErrorCode::corrupt, .message = "it sends other bytes than it was asked for"},
           kFailuresMax);
  request_objects();
  request_manifest();
  return false;
}

void Fetch::on_bytes(const wire::NodeId& peer, wire::TransferId id, Buffers::Buffer buffer) {
  const auto at = sources_.find(peer);
  if (at == sources_.end() || !at->second.transfers.contains(id)) return host_.buffers->give_back(std::move(buffer));
  Source& source = at->second;
  Transfer& transfer = source.transfers.at(id);
  source.received_at = host_.now;
  EXO_ASSERT(buffer.size <= transfer.remaining && buffer.size <= source.requested,
             "a buffer is given only to bytes that were requested");
  transfer.remaining -= buffer.size;
  source.requested -= buffer.size;
  const bool last = transfer.remaining == 0;
  const auto object = transfer.object;
  if (last) {
    source.transfers.erase(id);
    source.requested -= kRequestCost;
    host_.open_transfers.erase(id);
  }
  if (object) {
    on_object_bytes(peer, *object, std::move(buffer), last);
    return request_objects_of(source, peer);
  }
  const auto bytes = buffer.bytes();
  manifest_.insert(manifest_.end(), bytes.begin(), bytes.end());
  host_.buffers->give_back(std::move(buffer));
  if (last) on_manifest(peer);
}

void Fetch::on_object_bytes(const wire::NodeId& peer, size_t object, Buffers::Buffer buffer, bool last) {
  MissingObject& missing = objects_[object];
  const uint64_t offset = missing.received;
  missing.received += buffer.size;
  missing.senders.insert(peer);
  EXO_ASSERT(buffer.size <= missing_, "bytes that are received were missing");
  received_[peer] += buffer.size;
  missing_ -= buffer.size;
  host_.hashing->run(missing.index,
                     [weak = weak_from_this(), post = host_.post, stream = missing.stream, buffer = std::move(buffer),
                      offset, last, object, buffers = host_.buffers]() mutable {
                       auto right = stream->add(offset, buffer.bytes(), last);
                       post([weak, object, buffers, buffer = std::move(buffer), right = std::move(right)]() mutable {
                         buffers->give_back(std::move(buffer));
                         const auto self = weak.lock();
                         if (!self) return;
                         self->host_.on_written();
                         if (right) self->on_verified(object, std::move(*right));
                         self->report_progress();
                       });
                     });
}

void Fetch::on_verified(size_t object, Result<bool> right) {
  if (ended()) return;
  if (!right) return end(std::unexpected(right.error()));
  if (!*right) return on_wrong_object(object);
  objects_[object].stream = nullptr;
  EXO_ASSERT(incomplete_ > 0, "an object is verified once");
  if (--incomplete_ == 0) return end(model_);
  end_if_unavailable();
}

void Fetch::on_wrong_object(size_t object) {
  MissingObject& missing = objects_[object];
  missing_ += missing.received;
  missing.received = 0;
  missing.stream = nullptr;
  missing.requested = false;
  if (missing.senders.size() == 1) {
    const wire::NodeId& peer = *missing.senders.begin();
    missing.wrong_from.insert(peer);
    last_fault_ = {
        .code = ErrorCode::corrupt,
        .message = std::format("node {} sent {} of model {} with wrong bytes; its file is damaged", peer.short_text(),
                               model_->manifest().object_name(missing.index), content_.short_text())};
  } else {
    missing.single_source = true;  // which peer is at fault shows when one sends all of it
  }
  missing.senders.clear();
  unrequested_.push_back(object);
  request_objects();
}

}  // namespace exogpu::weights
