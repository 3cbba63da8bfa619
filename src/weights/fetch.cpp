#include "weights/fetch.h"

#include <algorithm>

namespace exogpu::weights {
namespace {

constexpr Bytes kCostOfAsking = 64 * KiB;  // of one object, so that a peer is not asked for thousands of small ones
constexpr Bytes kReportStep = 16 * MiB;
constexpr uint32_t kFailuresMax = 3;  // after which a peer is asked for nothing more, until it connects anew

bool has_bit(const wire::ByteVector& bits, ObjectIndex object) {
  if (bits.empty()) return true;
  return object / 8 < bits.size() && (bits[object / 8] & std::byte{1} << (object % 8)) != std::byte{0};
}

// What a worker finds on the disk, and what is missing there.
struct Opened {
  Result<std::shared_ptr<PartialModel>> model;
  std::vector<ObjectIndex> missing{};
  Bytes total = 0;
};

Opened look(WeightCache& cache, Result<std::shared_ptr<PartialModel>> model, const Scope& scope) {
  if (!model) return {std::move(model)};
  const ModelManifest& manifest = (*model)->manifest();
  const auto needed = objects_of(manifest, scope);
  if (!needed) return {std::unexpected(needed.error())};
  Opened opened{model, (*model)->missing(*needed)};
  Bytes missing = 0;
  for (const ObjectIndex object : *needed) opened.total += manifest.object(object).bytes;
  for (const ObjectIndex object : opened.missing) missing += manifest.object(object).bytes;
  if (missing == 0) return opened;
  if (auto room = cache.make_room(missing); !room) opened.model = std::unexpected(room.error());
  return opened;
}

}  // namespace

// Used by the jobs of one lane of the hashing threads alone.
struct Fetch::Stream {
  std::shared_ptr<PartialModel> model;
  ObjectIndex object = 0;
  Sha256 sha256{};
  security::Sha256Stream hash;
  std::optional<Error> failed;

  // True when the object is whole and right, false when it is wrong; nothing before its end.
  std::optional<Result<bool>> take(uint64_t from, std::span<const std::byte> bytes, bool last) {
    // A fetch before this one may have left it in the works.
    if (model->holds(object)) return last ? std::optional<Result<bool>>(true) : std::nullopt;
    if (!failed) {
      hash.update(bytes);
      if (auto written = model->write(object, from, bytes); !written) failed = written.error();
    }
    if (failed) return std::unexpected(*failed);
    if (!last) return std::nullopt;
    if (hash.finish() != sha256) return false;
    if (auto kept = model->keep(object); !kept) return std::unexpected(kept.error());
    return true;
  }
};

Fetch::Fetch(FetchHost& host, const ContentId& content, const Scope& scope, FetchCalls calls)
    : host_(host), content_(content), scope_(scope), calls_(std::make_shared<FetchCalls>(std::move(calls))) {}

void Fetch::start() { open_cache(); }

void Fetch::cancel() {
  *calls_ = {};
  end(fail(ErrorCode::cancelled, "the fetch was given up"));
}

void Fetch::end(Result<std::shared_ptr<PartialModel>> result) {
  if (over()) return;
  for (auto& [id, source] : sources_) drop_source(source, true);
  phase_ = Phase::over;
  if (model_) {
    // Whatever came of the fetch, what was kept is to last.
    host_.files->run(0, [model = std::move(model_)] { (void)model->sync(); });
  }
  host_.post([calls = calls_, result = std::move(result)]() mutable {
    if (const auto done = std::exchange(calls->on_done, nullptr)) done(std::move(result));
  });
}

void Fetch::open_cache() {
  host_.files->run(
      0, [weak = weak_from_this(), post = host_.post, cache = host_.cache, content = content_, scope = scope_] {
        Opened found = look(*cache, cache->find(content), scope);
        post([weak, found = std::move(found)]() mutable {
          if (const auto self = weak.lock()) self->opened(std::move(found.model), found.missing, found.total);
        });
      });
}

void Fetch::opened(Result<std::shared_ptr<PartialModel>> model, const std::vector<ObjectIndex>& missing, Bytes total) {
  if (over()) return;
  if (!model) {
    if (phase_ != Phase::opening || model.error().code != ErrorCode::not_found) return end(std::move(model));
    phase_ = Phase::manifest;
    for (auto& [id, source] : sources_) query(source);
    return see_who_is_left();
  }
  const bool asked = phase_ == Phase::manifest;
  phase_ = Phase::objects;
  model_ = *model;
  total_ = total;
  left_ = missing.size();
  for (const ObjectIndex index : missing) {
    Wanted& wanted = wanted_.emplace_back();
    wanted.index = index;
    wanted.object = model_->manifest().object(index);
    missing_ += wanted.object.bytes;
    todo_.push_back(todo_.size());
  }
  reported_ = missing_;
  // The headers first, then the largest: so several peers are done at about the same time.
  const size_t parts = model_->manifest().parts.size();
  std::ranges::stable_sort(todo_, {}, [&](size_t i) {
    const Wanted& wanted = wanted_[i];
    return std::pair(wanted.index < parts, wanted.index < parts ? 0 : wanted.object.bytes);
  });
  if (left_ == 0) return end(model_);
  report();
  if (!asked) {
    for (auto& [id, source] : sources_) query(source);
  }
  ask_for_objects();
}

void Fetch::query(Source& source) {
  source.answered = false;
  source.voice->say(wire::ControlType::weights_query, wire::encode(wire::WeightsQuery{.content = content_}));
}

void Fetch::peer_connected(const wire::NodeId& peer, const std::shared_ptr<Sender>& voice) {
  if (over()) return;
  sources_.erase(peer);
  Source& source = sources_[peer];
  source.voice = voice;
  source.heard = host_.now;
  if (phase_ != Phase::opening) query(source);
}

void Fetch::peer_lost(const wire::NodeId& peer) {
  const auto found = sources_.find(peer);
  if (found == sources_.end()) return;
  drop_source(found->second, false);
  sources_.erase(found);
  ask_for_objects();
  ask_for_manifest();
}

void Fetch::on_holding(const wire::NodeId& peer, const wire::WeightsHolding& holding) {
  const auto found = sources_.find(peer);
  if (over() || found == sources_.end()) return;
  Source& source = found->second;
  source.answered = true;
  source.heard = host_.now;
  source.has_some = holding.answer.has_value();
  if (source.has_some) {
    source.held = *holding.answer;
    had_source_ = true;
  }
  if (phase_ == Phase::objects) ask_for_objects();
  if (phase_ == Phase::manifest) ask_for_manifest();
}

wire::TransferId Fetch::ask(Source& source, std::optional<size_t> wanted, Bytes from, Bytes left) {
  const wire::TransferId id(++host_.transfers);
  host_.expects[id] = weak_from_this();
  if (source.transfers.empty()) source.heard = host_.now;
  source.transfers[id] = {.wanted = wanted, .left = left};
  source.asked += left + kCostOfAsking;
  wire::WeightsRequest request{.transfer = id, .content = content_, .object = std::nullopt, .from = from};
  if (wanted) request.object = wanted_[*wanted].index;
  source.voice->say(wire::ControlType::weights_request, wire::encode(request));
  return id;
}

void Fetch::ask_for_manifest() {
  if (phase_ != Phase::manifest || manifest_checking_) return;
  for (const auto& [id, source] : sources_) {
    if (!source.transfers.empty()) return;  // it is on its way
  }
  for (auto& [id, source] : sources_) {
    if (!source.has_some || source.failures >= kFailuresMax) continue;
    manifest_.clear();
    ask(source, std::nullopt, 0, source.held.manifest_bytes);
    return;
  }
  see_who_is_left();
}

void Fetch::manifest_arrived(const wire::NodeId& peer) {
  manifest_checking_ = true;
  host_.files->run(0, [weak = weak_from_this(), post = host_.post, cache = host_.cache, content = content_,
                       scope = scope_, peer, encoded = std::move(manifest_)] {
    const bool right = content_id(encoded) == content;
    Opened found = look(*cache, right ? cache->make(encoded) : fail(ErrorCode::corrupt, "a wrong manifest"), scope);
    post([weak, peer, right, found = std::move(found)]() mutable {
      const auto self = weak.lock();
      if (!self || self->over()) return;
      self->manifest_checking_ = false;
      if (right) return self->opened(std::move(found.model), found.missing, found.total);
      Error why{.code = ErrorCode::corrupt,
                .message = std::format("it sent a manifest that is not that of model {}", self->content_.short_text())};
      if (const auto at = self->sources_.find(peer); at != self->sources_.end()) {
        self->blame(peer, at->second, std::move(why), kFailuresMax);
      }
      self->ask_for_manifest();
    });
  });
  manifest_.clear();
}

bool Fetch::can_send(const Source& source, const wire::NodeId& peer, const Wanted& wanted) const {
  return source.has_some && has_bit(source.held.objects, wanted.index) && !wanted.wrong.contains(peer);
}

void Fetch::ask_for_objects() {
  if (phase_ != Phase::objects) return;
  for (auto& [id, source] : sources_) ask_source(source, id);
  see_who_is_left();
}

void Fetch::ask_source(Source& source, const wire::NodeId& peer) {
  for (size_t i = todo_.size(); i-- > 0 && source.has_some && source.asked < host_.options.asked_bytes;) {
    Wanted& wanted = wanted_[todo_[i]];
    if (!can_send(source, peer, wanted)) continue;
    if (!wanted.stream) {
      wanted.stream = std::make_shared<Stream>();
      wanted.stream->model = model_;
      wanted.stream->object = wanted.index;
      wanted.stream->sha256 = wanted.object.sha256;
    }
    wanted.asked = true;
    ask(source, todo_[i], wanted.arrived, wanted.object.bytes - wanted.arrived);
    todo_.erase(todo_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void Fetch::drop(Source& source, wire::TransferId id, bool tell) {
  const auto found = source.transfers.find(id);
  if (found == source.transfers.end()) return;
  const Transfer transfer = found->second;
  source.transfers.erase(found);
  source.asked -= transfer.left + kCostOfAsking;
  host_.expects.erase(id);
  if (tell) source.voice->say(wire::ControlType::weights_stop, wire::encode(wire::WeightsStop{.transfer = id}));
  if (!transfer.wanted) {
    manifest_.clear();
    return;
  }
  Wanted& wanted = wanted_[*transfer.wanted];
  wanted.asked = false;
  if (wanted.from_one && wanted.arrived > 0) {
    missing_ += wanted.arrived;
    wanted.arrived = 0;
    wanted.senders.clear();
    wanted.stream = nullptr;
  }
  todo_.push_back(*transfer.wanted);
}

void Fetch::drop_source(Source& source, bool tell) {
  while (!source.transfers.empty()) drop(source, source.transfers.begin()->first, tell);
}

void Fetch::blame(const wire::NodeId& peer, Source& source, Error why, uint32_t failures) {
  blame_ = {.code = why.code, .message = std::format("node {}: {}", peer.short_text(), why.message)};
  source.failures += failures;
  source.has_some = false;
  source.answered = true;
  drop_source(source, true);
}

void Fetch::on_refusal(const wire::NodeId& peer, wire::TransferId transfer, const Error& reason) {
  const auto at = sources_.find(peer);
  if (at == sources_.end() || !at->second.transfers.contains(transfer)) return;
  drop(at->second, transfer, false);
  // It has not what it said it has. Later it may be asked again.
  blame(peer, at->second, reason, 1);
  ask_for_objects();
  ask_for_manifest();
}

bool Fetch::expects(const wire::NodeId& peer, const wire::Bulk& frame, Bytes bytes) {
  const auto at = sources_.find(peer);
  if (at == sources_.end()) return false;
  Source& source = at->second;
  const auto found = source.transfers.find(frame.transfer);
  if (found == source.transfers.end()) return false;
  const Transfer& transfer = found->second;
  const uint64_t next = transfer.wanted ? wanted_[*transfer.wanted].arrived : manifest_.size();
  if (frame.offset == next && bytes <= transfer.left) return true;
  blame(peer, source, {.code = ErrorCode::corrupt, .message = "it sends other bytes than it was asked for"},
        kFailuresMax);
  ask_for_objects();
  ask_for_manifest();
  return false;
}

void Fetch::on_bytes(const wire::NodeId& peer, wire::TransferId id, Buffers::Buffer buffer) {
  const auto at = sources_.find(peer);
  if (at == sources_.end() || !at->second.transfers.contains(id)) return host_.buffers->give_back(std::move(buffer));
  Source& source = at->second;
  Transfer& transfer = source.transfers.at(id);
  const Bytes size = buffer.size;
  source.heard = host_.now;
  transfer.left -= size;
  source.asked -= size;
  const bool last = transfer.left == 0;
  const auto which = transfer.wanted;
  if (last) {
    source.transfers.erase(id);
    source.asked -= kCostOfAsking;
    host_.expects.erase(id);
  }
  if (!which) {
    const auto bytes = buffer.bytes();
    manifest_.insert(manifest_.end(), bytes.begin(), bytes.end());
    host_.buffers->give_back(std::move(buffer));
    if (last) manifest_arrived(peer);
    return;
  }
  Wanted& wanted = wanted_[*which];
  const uint64_t from = wanted.arrived;
  wanted.arrived += size;
  wanted.senders.insert(peer);
  missing_ -= size;
  host_.hashing->run(wanted.index, [weak = weak_from_this(), post = host_.post, stream = wanted.stream,
                                    buffer = std::move(buffer), from, last, which, buffers = host_.buffers]() mutable {
    auto outcome = stream->take(from, buffer.bytes(), last);
    post([weak, which, buffers, buffer = std::move(buffer), outcome = std::move(outcome)]() mutable {
      buffers->give_back(std::move(buffer));
      const auto self = weak.lock();
      if (!self) return;
      self->host_.on_written();
      if (outcome) self->checked(*which, std::move(*outcome));
      self->report();
    });
  });
  ask_source(source, peer);
}

void Fetch::checked(size_t which, Result<bool> good) {
  if (over()) return;
  if (!good) return end(std::unexpected(good.error()));
  Wanted& wanted = wanted_[which];
  if (*good) {
    wanted.stream = nullptr;
    if (--left_ == 0) return end(model_);
    return see_who_is_left();
  }
  missing_ += wanted.arrived;
  wanted.arrived = 0;
  wanted.stream = nullptr;
  wanted.asked = false;
  if (wanted.senders.size() == 1) {
    const wire::NodeId& peer = *wanted.senders.begin();
    wanted.wrong.insert(peer);
    blame_ = {
        .code = ErrorCode::corrupt,
        .message = std::format("node {} sent {} of model {} with wrong bytes; its file is damaged", peer.short_text(),
                               model_->manifest().object_name(wanted.index), content_.short_text())};
  } else {
    wanted.from_one = true;  // who is to blame is seen then
  }
  wanted.senders.clear();
  todo_.push_back(which);
  ask_for_objects();
}

void Fetch::report() {
  if (over() || !calls_->on_progress || phase_ != Phase::objects) return;
  if (missing_ > 0 && missing_ < reported_ && reported_ - missing_ < kReportStep) return;
  reported_ = missing_;
  host_.post([calls = calls_, done = total_ - missing_, total = total_] {
    if (const auto call = calls->on_progress) call(done, total);
  });
}

void Fetch::see_who_is_left() {
  if (phase_ != Phase::manifest && phase_ != Phase::objects) return;
  bool busy = manifest_checking_ || (phase_ == Phase::objects && todo_.size() < left_);
  bool unanswered = false;
  for (const auto& [id, source] : sources_) {
    busy = busy || !source.transfers.empty();
    unanswered = unanswered || !source.answered;
  }
  if (busy || unanswered) {
    waiting_since_.reset();
    return;
  }
  for (const auto& [id, source] : sources_) {
    if (at_fault(id, source)) return end(std::unexpected(nobody_has_it()));
  }
  const bool all_say_no = std::ranges::all_of(sources_, [](const auto& s) { return s.second.failures == 0; });
  if (!sources_.empty() && !had_source_ && all_say_no) return end(std::unexpected(nobody_has_it()));
  if (!waiting_since_) waiting_since_ = host_.now;
}

bool Fetch::at_fault(const wire::NodeId& peer, const Source& source) const {
  return source.failures >= kFailuresMax ||
         std::ranges::any_of(todo_, [&](size_t i) { return wanted_[i].wrong.contains(peer); });
}

Error Fetch::nobody_has_it() const {
  if (blame_) return *blame_;
  const std::string what =
      phase_ == Phase::objects && !todo_.empty()
          ? std::format("{} of model {}", model_->manifest().object_name(wanted_[todo_.back()].index), content_.text())
          : std::format("model {}", content_.text());
  if (had_source_) {
    return {.code = ErrorCode::unavailable,
            .message = std::format("no node that is connected now has {}; what has arrived is kept", what)};
  }
  return {.code = ErrorCode::not_found,
          .message = std::format("none of the {} connected nodes has {}", sources_.size(), what)};
}

void Fetch::tick() {
  if (phase_ != Phase::manifest && phase_ != Phase::objects) return;
  const bool own_fault = host_.buffers->used() >= host_.options.unwritten_bytes;
  for (auto& [id, source] : sources_) {
    if (own_fault || (source.transfers.empty() && source.answered)) source.heard = host_.now;
    if (host_.now - source.heard < host_.options.stall_max) continue;
    source.heard = host_.now;
    blame(id, source, {.code = ErrorCode::unavailable, .message = "it does not send what it was asked for"}, 1);
    ask_for_objects();
    ask_for_manifest();
    if (over()) return;
  }
  see_who_is_left();
  if (!waiting_since_) return;
  if (host_.now - *waiting_since_ >= host_.options.wait_max) return end(std::unexpected(nobody_has_it()));
  // Somebody may have it by now.
  const auto since = waiting_since_;
  for (auto& [id, source] : sources_) {
    if (source.failures < kFailuresMax) query(source);
  }
  waiting_since_ = since;
}

}  // namespace exogpu::weights
