// The file with the headers of the model that is served: a node needs its tokenizer and its template to take requests,
// with a part of the model or without. A part's file has them; for a node without a part they are fetched alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cluster/reconcile.h"
#include "worker/stages.h"

namespace exogpu::worker {

struct ModelHeadersHost {
  FetchModel fetch;
  std::function<void()> on_result;                    // a fetch has ended: record() is due
  std::function<void(const std::string& note)> note;  // why a fetch failed
};

// One thread. Told the time.
class ModelHeaders {
 public:
  explicit ModelHeaders(ModelHeadersHost host)
      : host_(std::move(host)), alive_(std::make_shared<ModelHeaders*>(this)) {}

  // A part of this model was fetched.
  void take(SharedGguf file, std::string content);
  // A part's fetch began, which ends one of the headers.
  void fetch_replaced() { fetch_ = {.call = fetch_.call + 1}; }
  void forget() { file_.reset(); }

  // Records how the last fetch went, where one has ended.
  void record(cluster::Time now);
  bool due() const { return fetch_.result.has_value(); }  // one has
  // Fetches the headers of this plan's model where they are not here. Returns when to call again, if nothing changes
  // before.
  std::optional<cluster::Time> fetch(const wire::StagePlan& plan, cluster::Time now);

  // The file of this content, or null.
  SharedGguf file(const std::string& content) const { return file_ && content_ == content ? file_ : nullptr; }
  const std::string& content() const { return content_; }  // whose headers were here last

 private:
  struct Fetch {
    std::string content{};  // whose
    uint64_t call = 0;      // number of the last
    bool in_flight = false;
    std::optional<Result<SharedGguf>> result{};  // how that went, once it is over
    uint32_t failures = 0;
    cluster::Time failed_at{};
    bool permanent = false;
  };
  ModelHeadersHost host_;
  SharedGguf file_;
  std::string content_;  // whose
  Fetch fetch_;
  std::shared_ptr<ModelHeaders*> alive_;
};

// Whether trying again may help.
bool may_mend(ErrorCode code);

}  // namespace exogpu::worker
