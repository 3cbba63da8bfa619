// The models that clients have this node pull, one after another, on a thread of their own.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "node/node.h"

namespace exogpu::node {

// Thread-safe. Its end stops what is being pulled.
class Pulls {
 public:
  static constexpr size_t kMost = 16;  // that wait

  // Called after each model that was pulled, on the thread of the pulls, with its name in the models folder. Returns,
  // early when it is asked to stop, the name that its listener gets.
  using OnPulled = std::function<std::string(const std::string& name, const std::stop_token& stop)>;

  explicit Pulls(PullModel pull, OnPulled on_pulled = {});
  ~Pulls();
  Pulls(const Pulls&) = delete;
  Pulls& operator=(const Pulls&) = delete;

  // As Service::pull().
  void add(std::string source, std::shared_ptr<PullListener> listener, std::stop_token cancel) EXO_EXCLUDES(mutex_);

 private:
  struct Job {
    std::string source;
    std::shared_ptr<PullListener> listener;
    std::stop_token cancel;
  };
  void run(const std::stop_token& stop);
  void pull(const Job& job, const std::stop_token& stop);

  PullModel pull_;
  OnPulled on_pulled_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Job> waiting_ EXO_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace exogpu::node
