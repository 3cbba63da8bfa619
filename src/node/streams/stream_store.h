// The streams that this node keeps for their clients, so that an answer survives its client's connection.
//
// A stream is a sequence of bytes that grows until it ends. Readers ask for what follows an offset, and wait if there
// is nothing yet. While nobody reads, it lives for its `linger`; then it is abandoned, or, if it has ended, forgotten.
// Memory is bounded: a long stream loses its beginning, and streams that have ended go, those first that were read the
// longest time ago.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/units.h"
#include "wire/stream.h"

namespace exogpu::node {

struct StreamLimits {
  size_t streams = 1024;
  Bytes stream_bytes = 4 * MiB;
  Bytes total_bytes = 64 * MiB;
  size_t readers = 16;                          // of a stream, that wait
  std::chrono::milliseconds read_wait{10'000};  // then a reader gets no bytes, and may ask again
};

struct StreamOptions {
  std::string owner;  // [wire::kStreamOwnerBytes] who may read it
  std::string type;   // its Content-Type
  std::chrono::milliseconds linger{};
  std::function<void()> on_abandoned;  // it ends because nobody reads it, or is told to; from any thread, once at most
};

// Receives one result, on any thread: within the call, or later. `request` of the bytes is that of the read.
using StreamReader = std::function<void(Result<wire::StreamBytes>)>;

// Thread-safe; callbacks are called without a lock.
class StreamStore {
 public:
  using Clock = std::chrono::steady_clock;
  // The writing end of a stream, which ends with it. The store must outlive it.
  class Writer {
   public:
    Writer(StreamStore& store, wire::StreamId id) : store_(&store), id_(id) {}
    ~Writer() { store_->end(id_); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    void append(std::string_view bytes) { store_->append(id_, bytes); }

   private:
    StreamStore* store_;
    wire::StreamId id_;
  };

  explicit StreamStore(const StreamLimits& limits = {}) : limits_(limits) {}

  // Null if there are too many already, or one of this id.
  std::unique_ptr<Writer> create(wire::StreamId id, StreamOptions options, Clock::time_point now) EXO_EXCLUDES(mutex_);
  // Errors: not_found (no such stream of this owner), invalid_argument (what follows the offset is gone, or the offset
  // lies behind the end), unavailable (too many readers).
  void read(const wire::StreamRead& request, const StreamReader& done, Clock::time_point now) EXO_EXCLUDES(mutex_);
  // To be called now and then.
  void tick(Clock::time_point now) EXO_EXCLUDES(mutex_);
  bool has(wire::StreamId id, const std::string& owner) const EXO_EXCLUDES(mutex_);
  size_t size() const EXO_EXCLUDES(mutex_);

 private:
  using Calls = std::vector<std::move_only_function<void()>>;
  struct Waiting {
    wire::StreamRead request;
    StreamReader done;
    Clock::time_point since;
  };
  struct Stream {
    StreamOptions options;
    uint64_t dropped = 0;  // bytes of the beginning
    std::string bytes{};
    bool ended = false;
    Clock::time_point read_at{};
    std::vector<Waiting> readers{};
  };

  void append(wire::StreamId id, std::string_view bytes) EXO_EXCLUDES(mutex_);
  void end(wire::StreamId id) EXO_EXCLUDES(mutex_);
  Result<wire::StreamBytes> part(const Stream& stream, const wire::StreamRead& request) const EXO_REQUIRES(mutex_);
  void serve_readers(Stream& stream, Calls& calls) EXO_REQUIRES(mutex_);
  void abandon(Stream& stream, Calls& calls) EXO_REQUIRES(mutex_);
  void drop_beginning(Stream& stream, Bytes keep) EXO_REQUIRES(mutex_);
  void make_room(wire::StreamId growing) EXO_REQUIRES(mutex_);

  const StreamLimits limits_;
  mutable Mutex mutex_;
  std::map<wire::StreamId, Stream> streams_ EXO_GUARDED_BY(mutex_);
  Bytes total_ EXO_GUARDED_BY(mutex_) = 0;
};

}  // namespace exogpu::node
