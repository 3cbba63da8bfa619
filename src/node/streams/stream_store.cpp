#include "node/streams/stream_store.h"

#include <algorithm>
#include <optional>

namespace exogpu::node {

std::unique_ptr<StreamStore::Writer> StreamStore::create(wire::StreamId id, StreamOptions options,
                                                         Clock::time_point now) {
  const MutexLock lock(mutex_);
  if (streams_.size() >= limits_.streams || streams_.contains(id)) return nullptr;
  streams_.emplace(id, Stream{.options = std::move(options), .read_at = now});
  return std::make_unique<Writer>(*this, id);
}

bool StreamStore::has(wire::StreamId id, const std::string& owner) const {
  const MutexLock lock(mutex_);
  const auto found = streams_.find(id);
  return found != streams_.end() && found->second.options.owner == owner;
}

size_t StreamStore::size() const {
  const MutexLock lock(mutex_);
  return streams_.size();
}

// What there is for this reader now: bytes, or the end. Without either the part is empty and has not ended.
Result<wire::StreamBytes> StreamStore::part(const Stream& stream, const wire::StreamRead& request) const {
  const uint64_t end = stream.dropped + stream.bytes.size();
  if (request.from < stream.dropped) {
    return fail(ErrorCode::invalid_argument,
                "the stream is kept from byte {} on, and byte {} is gone; ask for the answer again", stream.dropped,
                request.from);
  }
  if (request.from > end) {
    return fail(ErrorCode::invalid_argument, "the stream has {} bytes, and not {}", end, request.from);
  }
  wire::StreamBytes part{.request = request.request, .type = stream.options.type, .offset = request.from};
  part.bytes = stream.bytes.substr(request.from - stream.dropped, request.bytes_max);
  part.ended = stream.ended && request.from + part.bytes.size() == end;
  return part;
}

void StreamStore::serve_readers(Stream& stream, Calls& calls) {
  std::erase_if(stream.readers, [&](Waiting& waiting) EXO_REQUIRES(mutex_) {
    auto result = part(stream, waiting.request);
    if (result && result->bytes.empty() && !result->ended) return false;
    calls.emplace_back(
        [done = std::move(waiting.done), result = std::move(result)]() mutable { done(std::move(result)); });
    return true;
  });
}

void StreamStore::abandon(Stream& stream, Calls& calls) {
  if (auto on_abandoned = std::exchange(stream.options.on_abandoned, nullptr); on_abandoned && !stream.ended) {
    calls.emplace_back(std::move(on_abandoned));
  }
}

void StreamStore::read(const wire::StreamRead& request, const StreamReader& done, Clock::time_point now) {
  Calls calls;
  std::optional<Result<wire::StreamBytes>> result;
  {
    const MutexLock lock(mutex_);
    const auto found = streams_.find(request.stream);
    if (found == streams_.end() || found->second.options.owner != request.owner) {
      result = fail(ErrorCode::not_found, "there is no such stream; it may have ended too long ago");
    } else if (Stream& stream = found->second; request.stop) {
      abandon(stream, calls);
      result = wire::StreamBytes{.request = request.request, .type = stream.options.type, .ended = true};
    } else {
      stream.read_at = now;
      result = part(stream, request);
      if (*result && (*result)->bytes.empty() && !(*result)->ended) {
        if (stream.readers.size() >= limits_.readers) {
          result = fail(ErrorCode::unavailable, "{} clients read this stream already", stream.readers.size());
        } else {
          result.reset();
          stream.readers.push_back({.request = request, .done = done, .since = now});
        }
      }
    }
  }
  for (auto& call : calls) call();
  if (result) done(*std::move(result));
}

void StreamStore::drop_beginning(Stream& stream, Bytes keep) {
  if (stream.bytes.size() <= keep) return;
  const Bytes gone = stream.bytes.size() - keep;
  stream.bytes.erase(0, gone);
  stream.dropped += gone;
  total_ -= gone;
}

void StreamStore::make_room(wire::StreamId growing) {
  while (total_ > limits_.total_bytes) {
    auto oldest = streams_.end();
    for (auto it = streams_.begin(); it != streams_.end(); ++it) {
      if (!it->second.ended || !it->second.readers.empty()) continue;
      if (oldest == streams_.end() || it->second.read_at < oldest->second.read_at) oldest = it;
    }
    if (oldest == streams_.end()) {
      Stream& stream = streams_.at(growing);
      return drop_beginning(stream, stream.bytes.size() / 2);
    }
    total_ -= oldest->second.bytes.size();
    streams_.erase(oldest);
  }
}

void StreamStore::append(wire::StreamId id, std::string_view bytes) {
  Calls calls;
  {
    const MutexLock lock(mutex_);
    const auto found = streams_.find(id);
    if (found == streams_.end() || found->second.ended) return;
    Stream& stream = found->second;
    stream.bytes += bytes;
    total_ += bytes.size();
    serve_readers(stream, calls);  // before their bytes may go
    // A quarter at a time, so that dropping costs little.
    if (stream.bytes.size() > limits_.stream_bytes) drop_beginning(stream, limits_.stream_bytes * 3 / 4);
    make_room(id);
  }
  for (auto& call : calls) call();
}

void StreamStore::end(wire::StreamId id) {
  Calls calls;
  {
    const MutexLock lock(mutex_);
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    found->second.ended = true;
    serve_readers(found->second, calls);
  }
  for (auto& call : calls) call();
}

void StreamStore::tick(Clock::time_point now) {
  Calls calls;
  {
    const MutexLock lock(mutex_);
    for (auto& [id, stream] : streams_) {
      std::erase_if(stream.readers, [&](Waiting& waiting) EXO_REQUIRES(mutex_) {
        if (now - waiting.since < limits_.read_wait) return false;
        stream.read_at = now;
        auto nothing = part(stream, waiting.request);
        calls.emplace_back(
            [done = std::move(waiting.done), nothing = std::move(nothing)]() mutable { done(std::move(nothing)); });
        return true;
      });
    }
    std::erase_if(streams_, [&](auto& entry) EXO_REQUIRES(mutex_) {
      Stream& stream = entry.second;
      if (!stream.readers.empty() || now - stream.read_at <= stream.options.linger) return false;
      abandon(stream, calls);
      if (!stream.ended) return false;  // its writer ends it, which may say why
      total_ -= stream.bytes.size();
      return true;
    });
  }
  for (auto& call : calls) call();
}

}  // namespace exogpu::node
