#include "weights/fetch.h"

#include <algorithm>
#include <format>

#include "base/log.h"

namespace exogpu::weights {
namespace {

constexpr Bytes kReportStep = 16 * MiB;

// What the cache has of a model, and what is missing there.
struct CacheContent {
  Result<std::shared_ptr<PartialModel>> model;
  std::vector<ObjectIndex> missing{};
  Bytes total = 0;
};

// On a worker's thread: it reads the disk, and frees space for the missing objects.
CacheContent cache_content(WeightCache& cache, Result<std::shared_ptr<PartialModel>> model, const Scope& scope) {
  if (!model) return {std::move(model)};
  const ModelManifest& manifest = (*model)->manifest();
  const auto needed = objects_of(manifest, scope);
  if (!needed) return {std::unexpected(needed.error())};
  CacheContent content{model, (*model)->missing(*needed)};
  Bytes missing = 0;
  for (const ObjectIndex object : *needed) content.total += manifest.object(object).bytes;
  for (const ObjectIndex object : content.missing) missing += manifest.object(object).bytes;
  if (missing == 0) return content;
  if (auto room = cache.make_room(missing); !room) content.model = std::unexpected(room.error());
  return content;
}

}  // namespace

Fetch::Fetch(FetchHost& host, const ContentId& content, const Scope& scope, FetchCalls callbacks)
    : host_(host), content_(content), scope_(scope), callbacks_(std::make_shared<FetchCalls>(std::move(callbacks))) {}

void Fetch::start() {
  begun_at_ = net::SteadyTime::clock::now();
  open_cache();
}

void Fetch::cancel() {
  *callbacks_ = {};
  end(fail(ErrorCode::cancelled, "the fetch was cancelled"));
}

void Fetch::end(Result<std::shared_ptr<PartialModel>> result) {
  if (ended()) return;
  for (auto& [id, source] : sources_) drop_transfers(source, true);
  if (result) log_received();
  phase_ = Phase::ended;
  // Committed objects stay, whatever the result.
  if (model_) host_.files->run(0, [model = std::move(model_)] { (void)model->sync(); });
  host_.post([callbacks = callbacks_, result = std::move(result)]() mutable {
    if (const auto done = std::exchange(callbacks->on_done, nullptr)) done(std::move(result));
  });
}

void Fetch::log_received() const {
  if (received_.empty()) return;
  const std::chrono::duration<double> took = net::SteadyTime::clock::now() - begun_at_;
  Bytes sum = 0;
  std::string from;
  for (const auto& [peer, bytes] : received_) {
    sum += bytes;
    from += std::format("{}{} from node {}", from.empty() ? "" : ", ", format_bytes(bytes),
                        host_.options.name_of ? host_.options.name_of(peer) : peer.short_text());
  }
  log::info("weights", "received {} of model {} in {:.1f} s: {}", format_bytes(sum), content_.short_text(),
            took.count(), from);
}

void Fetch::open_cache() {
  host_.files->run(
      0, [weak = weak_from_this(), post = host_.post, cache = host_.cache, content = content_, scope = scope_] {
        CacheContent found = cache_content(*cache, cache->find(content), scope);
        post([weak, found = std::move(found)]() mutable {
          if (const auto self = weak.lock()) self->on_opened(std::move(found.model), found.missing, found.total);
        });
      });
}

void Fetch::on_opened(Result<std::shared_ptr<PartialModel>> model, const std::vector<ObjectIndex>& missing,
                      Bytes total) {
  if (ended()) return;
  if (!model) {
    if (phase_ != Phase::opening || model.error().code != ErrorCode::not_found) return end(std::move(model));
    phase_ = Phase::manifest;
    query_all();
    return end_if_unavailable();
  }
  const bool queried = phase_ == Phase::manifest;
  phase_ = Phase::objects;
  model_ = *model;
  total_ = total;
  incomplete_ = missing.size();
  for (const ObjectIndex index : missing) {
    MissingObject& object = objects_.emplace_back();
    object.index = index;
    object.object = model_->manifest().object(index);
    missing_ += object.object.bytes;
    unrequested_.push_back(unrequested_.size());
  }
  missing_reported_ = missing_;
  // The headers first, then the largest tensors, so that several peers finish at about the same time.
  const size_t parts = model_->manifest().parts.size();
  std::ranges::stable_sort(unrequested_, {}, [&](size_t i) {
    const MissingObject& object = objects_[i];
    return std::pair(object.index < parts, object.index < parts ? 0 : object.object.bytes);
  });
  if (incomplete_ == 0) return end(model_);
  report_progress();
  if (!queried) query_all();
  request_objects();
}

void Fetch::on_manifest(const wire::NodeId& peer) {
  manifest_checking_ = true;
  host_.files->run(0, [weak = weak_from_this(), post = host_.post, cache = host_.cache, content = content_,
                       scope = scope_, peer, encoded = std::move(manifest_)] {
    const bool right = content_id(encoded) == content;
    CacheContent found =
        cache_content(*cache, right ? cache->make(encoded) : fail(ErrorCode::corrupt, "a wrong manifest"), scope);
    post([weak, peer, right, found = std::move(found)]() mutable {
      const auto self = weak.lock();
      if (!self || self->ended()) return;
      self->manifest_checking_ = false;
      if (right) return self->on_opened(std::move(found.model), found.missing, found.total);
      Error reason{
          .code = ErrorCode::corrupt,
          .message = std::format("it sent a manifest that is not that of model {}", self->content_.short_text())};
      if (const auto at = self->sources_.find(peer); at != self->sources_.end()) {
        self->penalize(peer, at->second, std::move(reason), kFailuresMax);
      }
      self->request_manifest();
    });
  });
  manifest_.clear();
}

void Fetch::report_progress() {
  if (ended() || !callbacks_->on_progress || phase_ != Phase::objects) return;
  if (missing_ > 0 && missing_ < missing_reported_ && missing_reported_ - missing_ < kReportStep) return;
  missing_reported_ = missing_;
  host_.post([callbacks = callbacks_, done = total_ - missing_, total = total_] {
    if (const auto call = callbacks->on_progress) call(done, total);
  });
}

// Without any peer that sends, or may still reply: ends where a peer is at fault or none has the model, and otherwise
// starts to wait for one.
void Fetch::end_if_unavailable() {
  if (phase_ != Phase::manifest && phase_ != Phase::objects) return;
  bool busy = manifest_checking_ || (phase_ == Phase::objects && unrequested_.size() < incomplete_);
  bool unanswered = false;
  for (const auto& [id, source] : sources_) {
    busy = busy || !source.transfers.empty();
    unanswered = unanswered || !source.replied;
  }
  if (busy || unanswered) {
    waiting_since_.reset();
    return;
  }
  for (const auto& [id, source] : sources_) {
    if (is_at_fault(id, source)) return end(std::unexpected(unavailable_error()));
  }
  const bool no_failures = std::ranges::all_of(sources_, [](const auto& s) { return s.second.failures == 0; });
  if (!sources_.empty() && !had_source_ && no_failures) return end(std::unexpected(unavailable_error()));
  if (!waiting_since_) waiting_since_ = host_.now;
}

Error Fetch::unavailable_error() const {
  if (last_fault_) return *last_fault_;
  const std::string what =
      phase_ == Phase::objects && !unrequested_.empty()
          ? std::format("{} of model {}", model_->manifest().object_name(objects_[unrequested_.back()].index),
                        content_.text())
          : std::format("model {}", content_.text());
  if (had_source_) {
    return {.code = ErrorCode::unavailable,
            .message = std::format("no connected node has {}; the cache keeps what has arrived", what)};
  }
  return {.code = ErrorCode::not_found,
          .message = std::format("none of the {} connected nodes has {}", sources_.size(), what)};
}

void Fetch::tick() {
  if (phase_ != Phase::manifest && phase_ != Phase::objects) return;
  const bool own_fault = host_.buffers->used() >= host_.options.unwritten_bytes;
  for (auto& [id, source] : sources_) {
    if (own_fault || (source.transfers.empty() && source.replied)) source.received_at = host_.now;
    if (host_.now - source.received_at < host_.options.stall_max) continue;
    source.received_at = host_.now;
    penalize(id, source, {.code = ErrorCode::unavailable, .message = "it does not send what it was asked for"}, 1);
    request_objects();
    request_manifest();
    if (ended()) return;
  }
  end_if_unavailable();
  if (!waiting_since_) return;
  if (host_.now - *waiting_since_ >= host_.options.wait_max) return end(std::unexpected(unavailable_error()));
  // A peer may have received the model meanwhile.
  const auto since = waiting_since_;
  for (auto& [id, source] : sources_) {
    if (source.failures < kFailuresMax) query(source);
  }
  waiting_since_ = since;
}

}  // namespace exogpu::weights
