// Computes a share of the answers of rings that begin here once more, on this machine's processor, and names the
// devices whose results differ (`exogpu serve --verify`).
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "cluster/timing.h"
#include "gpu/device.h"
#include "model/gguf.h"
#include "node/answer_check.h"
#include "node/node_metrics.h"
#include "pipeline/answer_recorder.h"
#include "wire/cluster.h"

namespace exogpu::node {

struct AnswerVerifierHost {
  // Runs a task on the node's thread, later; from any thread.
  std::function<void(std::move_only_function<void()>)> post;
  // Gets a file with all tensors of the plan's model. `done` is called on the node's thread, once, or never where the
  // node stops.
  std::function<void(const wire::StagePlan&, std::function<void(Result<std::shared_ptr<const model::Gguf>>)> done)>
      fetch;
  // What this device passed on differs from what this machine computes.
  std::function<void(const wire::DeviceRef&, const StageCheck&)> on_difference;
  std::function<void(const std::string&)> note;
};

// On the node's thread. One answer is checked at a time, with one thread of low priority; those that end meanwhile are
// skipped.
class AnswerVerifier {
 public:
  // `processor` must outlive it.
  AnswerVerifier(double share, const gpu::Device& processor, AnswerVerifierHost host);
  ~AnswerVerifier();  // a check in progress is abandoned
  AnswerVerifier(const AnswerVerifier&) = delete;
  AnswerVerifier& operator=(const AnswerVerifier&) = delete;

  // For the driver of this plan, which must not outlive this; null where all of the plan is on one device.
  std::unique_ptr<pipeline::AnswerRecorder> recorder(const wire::StagePlan& plan);

  VerificationCounts counts() const EXO_EXCLUDES(mutex_);  // any thread
  // Those that differed within the last hour.
  std::vector<wire::DeviceRef> differing(cluster::Time now) const;

 private:
  using File = std::shared_ptr<const model::Gguf>;
  void add(const wire::StagePlan& plan, pipeline::AnswerRecord record);
  void check(const wire::StagePlan& plan, pipeline::AnswerRecord record, const File& file);
  void on_checked(const wire::StagePlan& plan, const Result<AnswerCheck>& check);
  void count(uint64_t VerificationCounts::* what) EXO_EXCLUDES(mutex_);

  double share_;
  const gpu::Device& processor_;
  AnswerVerifierHost host_;
  mutable Mutex mutex_;
  VerificationCounts counts_ EXO_GUARDED_BY(mutex_);
  bool busy_ = false;
  std::map<wire::DeviceRef, cluster::Time> differed_at_;
  std::shared_ptr<AnswerVerifier*> alive_;
  std::stop_source stop_;
  boost::asio::thread_pool thread_{1};
};

}  // namespace exogpu::node
