// How the links of the cluster were over the last day, by what their nodes measure of them.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "node/cluster_snapshot.h"
#include "node/recent.h"

namespace exogpu::node {

// Any thread.
class LinkHistory {
 public:
  static constexpr std::chrono::seconds kStep{10};
  static constexpr size_t kValuesMax = 8640;  // of each link: a day
  // Those beyond have no history; with it all together have 27 MB at most.
  static constexpr size_t kLinksMax = 256;

  // How the links are now, if kStep has passed since the last time.
  void observe(const ClusterSnapshot& cluster, std::chrono::steady_clock::time_point now) EXO_EXCLUDES(mutex_);
  // The last `count` values of each link, by names; a link of a node that is gone has none.
  std::vector<LinkPast> past(const ClusterSnapshot& cluster, size_t count) const EXO_EXCLUDES(mutex_);

 private:
  struct Values {
    float delay_s, loss, bytes_per_s;  // NaN: absent
  };
  struct Ring {
    std::vector<Values> values{};  // that of step n is at (n - begin) % kValuesMax
    uint64_t begin = 0, next = 0;  // the steps of its first value, and behind its last one
    void append(uint64_t step, const Values& now);
    const Values* find(uint64_t step) const;  // null: too old, or there was none
  };
  using LinkEnds = std::pair<wire::NodeId, wire::NodeId>;

  mutable Mutex mutex_;
  std::map<LinkEnds, Ring> rings_ EXO_GUARDED_BY(mutex_);
  std::optional<std::chrono::steady_clock::time_point> began_at_ EXO_GUARDED_BY(mutex_);
  uint64_t steps_ EXO_GUARDED_BY(mutex_) = 0;
};

}  // namespace exogpu::node
