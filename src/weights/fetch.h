// One fetch of a model, or of a part of it, from several peers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "weights/buffers.h"
#include "weights/exchange.h"
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
  std::unique_ptr<Workers> files;    // one thread: opens, makes room, makes durable
  std::unique_ptr<Workers> hashing;  // of what arrives; writes it, too
  std::shared_ptr<Buffers> buffers;
  net::SteadyTime now{};
  uint64_t transfers = 0;                                    // that were ever begun
  std::map<wire::TransferId, std::weak_ptr<Fetch>> expects;  // transfers of which more is to come
  std::function<void()> on_written;                          // bytes have left the buffers
};

// On the exchange's thread.
class Fetch : public std::enable_shared_from_this<Fetch> {
 public:
  Fetch(FetchHost& host, const ContentId& content, const Scope& scope, FetchCalls calls);

  void start();
  // Nothing is called any more; what is under way is stopped.
  void cancel();
  bool over() const { return phase_ == Phase::over; }
  const ContentId& content() const { return content_; }

  void peer_connected(const wire::NodeId& peer, const std::shared_ptr<Sender>& voice);
  void peer_lost(const wire::NodeId& peer);
  void on_holding(const wire::NodeId& peer, const wire::WeightsHolding& holding);
  void on_refusal(const wire::NodeId& peer, wire::TransferId transfer, const Error& reason);

  // Whether this frame is the next of its transfer. One that is not ends the transfer.
  bool expects(const wire::NodeId& peer, const wire::Bulk& frame, Bytes bytes);
  // Bytes that were expected; given back without effect when the transfer has ended meanwhile.
  void on_bytes(const wire::NodeId& peer, wire::TransferId transfer, Buffers::Buffer buffer);
  void tick();

 private:
  enum class Phase { opening, manifest, objects, over };

  // An object that is missing.
  struct Stream;
  struct Wanted {
    ObjectIndex index = 0;
    Object object;
    uint64_t arrived = 0;   // bytes, all from the first on
    bool asked = false;     // of some peer, or being checked
    bool from_one = false;  // it was wrong, and came from several: from now on whole from one
    std::shared_ptr<Stream> stream;
    std::set<wire::NodeId> senders;  // of these bytes
    std::set<wire::NodeId> wrong;    // who sent it whole and wrong
  };
  struct Transfer {
    std::optional<size_t> wanted;  // index; none: the manifest
    Bytes left = 0;
  };
  struct Source {
    std::shared_ptr<Sender> voice;
    bool answered = false;
    uint32_t failures = 0;  // refusals, stalls; a broken transfer counts for all
    bool has_some = false;  // of the model, as `held` says
    wire::WeightsHeld held;
    std::map<wire::TransferId, Transfer> transfers;
    Bytes asked = 0;  // what is left of its transfers, and something for each
    net::SteadyTime heard{};
  };

  void query(Source& source);
  void open_cache();
  void opened(Result<std::shared_ptr<PartialModel>> model, const std::vector<ObjectIndex>& missing, Bytes total);
  void ask_for_manifest();
  void manifest_arrived(const wire::NodeId& peer);
  void ask_for_objects();
  void ask_source(Source& source, const wire::NodeId& peer);
  wire::TransferId ask(Source& source, std::optional<size_t> wanted, Bytes from, Bytes left);
  // Ends a transfer; what it has not brought is to be asked anew.
  void drop(Source& source, wire::TransferId transfer, bool tell);
  void drop_source(Source& source, bool tell);
  void checked(size_t wanted, Result<bool> good);
  // Gives up what is asked of it, for `failures` of the kFailuresMax that a source may have.
  void blame(const wire::NodeId& peer, Source& source, Error why, uint32_t failures);
  bool at_fault(const wire::NodeId& peer, const Source& source) const;
  bool can_send(const Source& source, const wire::NodeId& peer, const Wanted& wanted) const;
  void see_who_is_left();
  void report();
  void end(Result<std::shared_ptr<PartialModel>> result);
  Error nobody_has_it() const;

  FetchHost& host_;
  const ContentId content_;
  const Scope scope_;
  const std::shared_ptr<FetchCalls> calls_;
  Phase phase_ = Phase::opening;
  std::map<wire::NodeId, Source> sources_;
  wire::ByteVector manifest_;  // as far as it has arrived
  bool manifest_checking_ = false;
  std::shared_ptr<PartialModel> model_;
  std::vector<Wanted> wanted_;
  std::vector<size_t> todo_;  // the next to ask for last
  size_t left_ = 0;           // of wanted_, not done
  Bytes total_ = 0;           // of the scope
  Bytes missing_ = 0;         // of it, not yet received
  Bytes reported_ = 0;        // missing_ when it was told last
  bool had_source_ = false;   // somebody held something of it
  std::optional<Error> blame_;
  std::optional<net::SteadyTime> waiting_since_;
};

}  // namespace exogpu::weights
