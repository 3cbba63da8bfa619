// Has models pulled at the node of the cluster that has room for them, and knows how far every node is with that.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cluster/detector.h"
#include "node/dispatch.h"
#include "node/service.h"
#include "node/transport.h"
#include "wire/cluster_log.h"
#include "wire/pull.h"

namespace exogpu::node {

struct ClusterPullsHost {
  std::function<cluster::Time()> now;
  // Runs a task on the node's thread, later; from any thread.
  std::function<void(std::move_only_function<void()>)> post;
  std::function<const wire::ReplicatedState&()> state;
  // The free bytes of the disk with the models folder; nothing: this node pulls no models.
  std::function<std::optional<Bytes>()> bytes_free;
  // Pulls the model here, beside the node's thread.
  std::function<void(const std::string& source, std::shared_ptr<PullListener> listener, std::stop_token cancel)> fetch;
  std::function<void()> on_change{};  // reports() are others
};

// On the node's thread, except where marked. The host runs no task after it is destroyed, and nothing is pulled then.
class ClusterPulls {
 public:
  static constexpr std::chrono::seconds kAnswerMax{1};           // of a node, how much room it has
  static constexpr std::chrono::milliseconds kReportEvery{500};  // to all nodes, of each pull
  static constexpr size_t kReportsMax = 256;                     // that are kept
  using Progress = std::function<void(const PullProgress&)>;

  // The transport must outlive it.
  ClusterPulls(wire::NodeId self, Transport& transport, ClusterPullsHost host);

  // Any thread but the node's. Returns the model's name once a node has pulled it, whichever that is. `bytes`: of the
  // model's files; 0: unknown. Errors: those of node_to_pull() and of the pull; cancelled; unavailable (that node is
  // gone).
  Result<std::string> pull(const std::string& source, Bytes bytes, const Progress& progress,
                           const std::stop_token& stop);

  void register_handlers(Dispatch& dispatch);
  void on_link_down(wire::NodeId peer);
  // To be called now and then.
  void tick(cluster::Time now);

  // The pulls in progress, with the node of each.
  std::vector<std::pair<wire::NodeId, wire::PullReport>> reports() const;

 private:
  // A pull that was asked of this node: the last report, for the thread that waits.
  struct Wait {
    Mutex mutex;
    CondVar changed;
    wire::PullReport last EXO_GUARDED_BY(mutex);
    bool is_new EXO_GUARDED_BY(mutex) = false;
  };
  struct Asked {
    std::shared_ptr<Wait> wait;
    std::string source;
    Bytes bytes = 0;
    std::map<wire::NodeId, Bytes> rooms{};
    std::set<wire::NodeId> unanswered{};
    cluster::Time until{};                 // for the answers
    std::optional<wire::NodeId> puller{};  // once it was chosen
  };
  using Job = std::pair<wire::NodeId, uint64_t>;  // the node that asked, and its number
  class Reporter;

  static void put(Wait& wait, wire::PullReport report);
  void begin(uint64_t request, Asked asked);
  void choose(uint64_t request, Asked& asked);
  void end(uint64_t request, const Error& why);
  void cancel(uint64_t request);
  void start(wire::NodeId asker, const wire::PullModel& message);
  void stop(const Job& job);
  void publish(const wire::PullReport& report);
  void on_query(wire::NodeId from, const wire::PullQuery& message);
  void on_room(wire::NodeId from, const wire::PullRoom& message);
  void on_report(wire::NodeId from, const wire::PullReport& report);

  wire::NodeId self_;
  Transport* transport_;
  ClusterPullsHost host_;
  std::atomic<uint64_t> next_ = 1;
  std::map<uint64_t, Asked> asked_;
  std::map<Job, std::stop_source> jobs_;                              // that this node does
  std::map<std::pair<wire::NodeId, Job>, wire::PullReport> reports_;  // with the node that pulls
};

}  // namespace exogpu::node
