// The file with the headers of the model that is served: a node needs its tokenizer and its template to take requests,
// with a part of the model or without. A part's file has them; for a node without a part they are fetched alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cluster/reconcile.h"
#include "worker/retried_fetch.h"

namespace exogpu::worker {

// One thread. The time is passed in.
class ModelHeaders {
 public:
  explicit ModelHeaders(RetriedFetchHost host) : fetch_(std::move(host)) {}

  // A part of this model was fetched.
  void take(SharedGguf file, std::string content);
  // A part's fetch began, which ends one of the headers.
  void fetch_replaced() { fetch_.cancel(); }
  void forget() { file_.reset(); }

  // Records the result of the last fetch if it has ended.
  void record(cluster::Time now);
  bool due() const { return fetch_.due(); }  // it has
  // Fetches the headers of this plan's model where they are not here. Returns when to call again, if nothing changes
  // before.
  std::optional<cluster::Time> fetch(const wire::StagePlan& plan, cluster::Time now);

  // The file of this content, or null.
  SharedGguf file(const std::string& content) const { return file_ && content_ == content ? file_ : nullptr; }
  const std::string& content() const { return content_; }  // the model whose headers were here last

 private:
  SharedGguf file_;
  std::string content_;  // of the model
  RetriedFetch fetch_;
};

}  // namespace exogpu::worker
