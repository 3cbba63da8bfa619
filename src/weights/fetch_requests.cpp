// A fetch and its peers: what each of them has, and what it is asked for.
#include <algorithm>

#include "base/assert.h"
#include "weights/fetch.h"

namespace exogpu::weights {
namespace {

bool has_bit(const wire::ByteVector& bits, ObjectIndex object) {
  if (bits.empty()) return true;
  return object / 8 < bits.size() && (bits[object / 8] & std::byte{1} << (object % 8)) != std::byte{0};
}

}  // namespace

void Fetch::query(Source& source) {
  source.replied = false;
  source.sender->send_message(wire::ControlType::weights_query, wire::encode(wire::WeightsQuery{.content = content_}));
}

void Fetch::query_all() {
  for (auto& [id, source] : sources_) query(source);
}

void Fetch::peer_connected(const wire::NodeId& peer, const std::shared_ptr<Sender>& sender) {
  if (ended()) return;
  sources_.erase(peer);
  Source& source = sources_[peer];
  source.sender = sender;
  source.received_at = host_.now;
  if (phase_ != Phase::opening) query(source);
}

void Fetch::peer_lost(const wire::NodeId& peer) {
  const auto found = sources_.find(peer);
  if (found == sources_.end()) return;
  drop_transfers(found->second, false);
  sources_.erase(found);
  request_objects();
  request_manifest();
}

void Fetch::on_availability(const wire::NodeId& peer, const wire::WeightsAvailability& availability) {
  const auto found = sources_.find(peer);
  if (ended() || found == sources_.end()) return;
  Source& source = found->second;
  source.replied = true;
  source.received_at = host_.now;
  source.has_model = availability.answer.has_value();
  if (source.has_model) {
    source.available = *availability.answer;
    had_source_ = true;
  }
  if (phase_ == Phase::objects) request_objects();
  if (phase_ == Phase::manifest) request_manifest();
}

wire::TransferId Fetch::request(Source& source, std::optional<size_t> object, Bytes from, Bytes remaining) {
  const wire::TransferId id(++host_.transfers_begun);
  host_.open_transfers[id] = weak_from_this();
  if (source.transfers.empty()) source.received_at = host_.now;
  source.transfers[id] = {.object = object, .remaining = remaining};
  source.requested += remaining + kRequestCost;
  wire::WeightsRequest request{.transfer = id, .content = content_, .object = std::nullopt, .from = from};
  if (object) request.object = objects_[*object].index;
  source.sender->send_message(wire::ControlType::weights_request, wire::encode(request));
  return id;
}

void Fetch::request_manifest() {
  if (phase_ != Phase::manifest || manifest_checking_) return;
  for (const auto& [id, source] : sources_) {
    if (!source.transfers.empty()) return;  // a peer is sending it
  }
  for (auto& [id, source] : sources_) {
    if (!source.has_model || source.failures >= kFailuresMax) continue;
    manifest_.clear();
    request(source, std::nullopt, 0, source.available.manifest_bytes);
    return;
  }
  end_if_unavailable();
}

bool Fetch::can_send(const Source& source, const wire::NodeId& peer, const MissingObject& missing) const {
  return source.has_model && has_bit(source.available.objects, missing.index) && !missing.wrong_from.contains(peer);
}

void Fetch::request_objects() {
  if (phase_ != Phase::objects) return;
  for (auto& [id, source] : sources_) request_objects_of(source, id);
  end_if_unavailable();
}

void Fetch::request_objects_of(Source& source, const wire::NodeId& peer) {
  for (size_t i = unrequested_.size(); i-- > 0 && source.has_model && source.requested < host_.options.asked_bytes;) {
    MissingObject& missing = objects_[unrequested_[i]];
    if (!can_send(source, peer, missing)) continue;
    if (!missing.stream) {
      missing.stream = std::make_shared<ObjectStream>(model_, missing.index, missing.object.sha256);
    }
    missing.requested = true;
    request(source, unrequested_[i], missing.received, missing.object.bytes - missing.received);
    unrequested_.erase(unrequested_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void Fetch::drop_transfer(Source& source, wire::TransferId id, bool notify) {
  const auto found = source.transfers.find(id);
  if (found == source.transfers.end()) return;
  const Transfer transfer = found->second;
  source.transfers.erase(found);
  EXO_ASSERT(source.requested >= transfer.remaining + kRequestCost, "a peer's open transfers are counted");
  source.requested -= transfer.remaining + kRequestCost;
  host_.open_transfers.erase(id);
  if (notify)
    source.sender->send_message(wire::ControlType::weights_stop, wire::encode(wire::WeightsStop{.transfer = id}));
  if (!transfer.object) {
    manifest_.clear();
    return;
  }
  MissingObject& missing = objects_[*transfer.object];
  missing.requested = false;
  if (missing.single_source && missing.received > 0) {
    missing_ += missing.received;
    missing.received = 0;
    missing.senders.clear();
    missing.stream = nullptr;
  }
  unrequested_.push_back(*transfer.object);
}

void Fetch::drop_transfers(Source& source, bool notify) {
  while (!source.transfers.empty()) drop_transfer(source, source.transfers.begin()->first, notify);
}

void Fetch::penalize(const wire::NodeId& peer, Source& source, Error reason, uint32_t failures) {
  last_fault_ = {.code = reason.code, .message = std::format("node {}: {}", peer.short_text(), reason.message)};
  source.failures += failures;
  source.has_model = false;
  source.replied = true;
  drop_transfers(source, true);
}

void Fetch::on_refusal(const wire::NodeId& peer, wire::TransferId transfer, const Error& reason) {
  const auto at = sources_.find(peer);
  if (at == sources_.end() || !at->second.transfers.contains(transfer)) return;
  drop_transfer(at->second, transfer, false);
  // It lacks an object that it reported. A later query may find it again.
  penalize(peer, at->second, reason, 1);
  request_objects();
  request_manifest();
}

bool Fetch::is_at_fault(const wire::NodeId& peer, const Source& source) const {
  return source.failures >= kFailuresMax ||
         std::ranges::any_of(unrequested_, [&](size_t i) { return objects_[i].wrong_from.contains(peer); });
}

}  // namespace exogpu::weights
