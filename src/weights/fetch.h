// One fetch of a model, or of the objects of a scope of it, from several peers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "weights/buffers.h"
#include "weights/exchange.h"
#include "weights/object_stream.h"
#include "weights/sender.h"
#include "weights/workers.h"
#include "wire/weights.h"

namespace exogpu::weights {

class Fetch;

// What all fetches of an exchange share. It outlives them.
struct FetchHost {
  std::shared_ptr<WeightCache> cache;
  WeightExchange::Post post;
  ExchangeOptions options;
  std::unique_ptr<Workers> files;    // one thread: opens models, frees disk space, syncs files
  std::unique_ptr<Workers> hashing;  // hashes and writes the received bytes
  std::shared_ptr<Buffers> buffers;
  net::SteadyTime now{};
  uint64_t transfers_begun = 0;
  std::map<wire::TransferId, std::weak_ptr<Fetch>> open_transfers;
  std::function<void()> on_written;  // received bytes have left the buffers
};

// On the exchange's thread.
class Fetch : public std::enable_shared_from_this<Fetch> {
 public:
  Fetch(FetchHost& host, const ContentId& content, const Scope& scope, FetchCalls callbacks);

  void start();
  // Makes no callback any more and stops all transfers.
  void cancel();
  bool ended() const { return phase_ == Phase::ended; }
  const ContentId& content() const { return content_; }

  void peer_connected(const wire::NodeId& peer, const std::shared_ptr<Sender>& sender);
  void peer_lost(const wire::NodeId& peer);
  void on_availability(const wire::NodeId& peer, const wire::WeightsAvailability& availability);
  void on_refusal(const wire::NodeId& peer, wire::TransferId transfer, const Error& reason);

  // Whether this frame is the next of its transfer. A frame that is not ends the transfer.
  bool accepts(const wire::NodeId& peer, const wire::Bulk& frame, Bytes bytes);
  // Bytes of an accepted frame. They are discarded if the transfer has ended meanwhile.
  void on_bytes(const wire::NodeId& peer, wire::TransferId transfer, Buffers::Buffer buffer);
  void tick();

 private:
  enum class Phase { opening, manifest, objects, ended };

  // Counted for each open request besides its bytes, so that a peer does not get thousands of small requests at once.
  static constexpr Bytes kRequestCost = 64 * KiB;
  static constexpr uint32_t kFailuresMax = 3;  // then a peer gets no more requests until it connects again

  struct MissingObject {
    ObjectIndex index = 0;
    Object object;
    uint64_t received = 0;       // bytes, from the first on
    bool requested = false;      // or being verified
    bool single_source = false;  // it was wrong and came from several peers: the next attempt uses one peer
    std::shared_ptr<ObjectStream> stream;
    std::set<wire::NodeId> senders;     // of the received bytes
    std::set<wire::NodeId> wrong_from;  // peers that sent the whole object with a wrong hash
  };
  struct Transfer {
    std::optional<size_t> object;  // index into objects_; empty: the manifest
    Bytes remaining = 0;
  };
  struct Source {
    std::shared_ptr<Sender> sender;
    bool replied = false;    // to the last query
    uint32_t failures = 0;   // refusals and stalls count 1, a violated protocol kFailuresMax
    bool has_model = false;  // at least part of it: `available`
    wire::AvailableObjects available;
    std::map<wire::TransferId, Transfer> transfers;
    Bytes requested = 0;  // remaining bytes of its transfers, and kRequestCost for each
    net::SteadyTime received_at{};
  };

  // The cache and the end of the fetch (fetch.cpp).
  void open_cache();
  void on_opened(Result<std::shared_ptr<PartialModel>> model, const std::vector<ObjectIndex>& missing, Bytes total);
  void on_manifest(const wire::NodeId& peer);
  void end_if_unavailable();
  void report_progress();
  void log_received() const;
  void end(Result<std::shared_ptr<PartialModel>> result);
  Error unavailable_error() const;

  // Requests to peers (fetch_requests.cpp).
  void query(Source& source);
  void query_all();
  void request_manifest();
  void request_objects();
  void request_objects_of(Source& source, const wire::NodeId& peer);
  wire::TransferId request(Source& source, std::optional<size_t> object, Bytes from, Bytes remaining);
  // Ends a transfer; its missing bytes are requested again. `notify`: the peer is asked to stop sending.
  void drop_transfer(Source& source, wire::TransferId transfer, bool notify);
  void drop_transfers(Source& source, bool notify);
  // Ends all transfers of a peer and adds `failures` to its count.
  void penalize(const wire::NodeId& peer, Source& source, Error reason, uint32_t failures);
  bool is_at_fault(const wire::NodeId& peer, const Source& source) const;
  bool can_send(const Source& source, const wire::NodeId& peer, const MissingObject& missing) const;

  // Received bytes (fetch_bytes.cpp).
  void on_object_bytes(const wire::NodeId& peer, size_t object, Buffers::Buffer buffer, bool last);
  void on_verified(size_t object, Result<bool> right);
  void on_wrong_object(size_t object);

  FetchHost& host_;
  const ContentId content_;
  const Scope scope_;
  const std::shared_ptr<FetchCalls> callbacks_;
  Phase phase_ = Phase::opening;
  std::map<wire::NodeId, Source> sources_;
  wire::ByteVector manifest_;  // the bytes received so far
  bool manifest_checking_ = false;
  std::shared_ptr<PartialModel> model_;
  std::vector<MissingObject> objects_;
  std::vector<size_t> unrequested_;  // indices into objects_; the next one to request is the last
  size_t incomplete_ = 0;            // objects that are not verified yet
  Bytes total_ = 0;                  // of the scope
  Bytes missing_ = 0;                // of the scope, not received yet
  Bytes missing_reported_ = 0;
  bool had_source_ = false;                 // a peer had some of the model
  std::map<wire::NodeId, Bytes> received_;  // of objects
  net::SteadyTime begun_at_{};
  std::optional<Error> last_fault_;
  std::optional<net::SteadyTime> waiting_since_;  // no peer can send anything
};

}  // namespace exogpu::weights
