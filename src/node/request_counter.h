// Counts what clients' requests take and how they end, and remembers the last ones.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "node/recent.h"
#include "node/request_counts.h"
#include "node/service.h"

namespace exogpu::node {

// Any thread. Owned by a shared pointer, and also by its listeners.
class RequestCounter : public std::enable_shared_from_this<RequestCounter> {
 public:
  // Models beyond these are counted together, as "other": clients choose the names.
  static constexpr size_t kModelsMax = 32;
  static constexpr size_t kRecentMax = 256;  // answers

  // A listener that counts, and passes all on.
  std::shared_ptr<GenerationListener> listen(const std::string& model, std::shared_ptr<GenerationListener> listener)
      EXO_EXCLUDES(mutex_);
  // The last answers that have ended, in the order of their ends.
  std::vector<RecentRequest> recent() const EXO_EXCLUDES(mutex_);
  // By model.
  std::map<std::string, RequestCounts> counts() const EXO_EXCLUDES(mutex_);

 private:
  class Listener;
  template <typename Change>
  void change(const std::string& model, const Change& change) EXO_EXCLUDES(mutex_);
  void remember(RecentRequest ended) EXO_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, RequestCounts> models_ EXO_GUARDED_BY(mutex_);
  std::deque<RecentRequest> recent_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::node
