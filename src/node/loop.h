// The one thread of a node on which everything happens that is not computing.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <thread>

#include "base/busy_wait.h"
#include "cluster/detector.h"

namespace exogpu::node {

class Loop {
 public:
  Loop() : keeps_running_(io_.get_executor()) {}
  ~Loop() { stop(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start();
  // Waits for the task that runs now; later ones never run. Not on the loop's thread.
  void stop();

  // Runs a task on the loop's thread, later, in the order of these calls; from any thread.
  void post(std::move_only_function<void()> task);

  // The same, not before this time has passed. Tasks of the same time have no order.
  void post_after(std::chrono::milliseconds time, std::move_only_function<void()> task);

  boost::asio::io_context& context() { return io_; }
  // While it is active, the loop polls instead of sleeping.
  BusyWait& busy_wait() { return busy_wait_; }

 private:
  void run();

  BusyWait busy_wait_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keeps_running_;
  std::jthread thread_;
};

// Calls a function on the loop's thread at a time that can be moved. On the loop's thread.
class Alarm {
 public:
  Alarm(Loop& loop, std::function<void()> call) : timer_(loop.context()), call_(std::move(call)) {}
  // Instead of the previous time.
  void set(cluster::Time at);

 private:
  boost::asio::steady_timer timer_;
  std::function<void()> call_;
};

}  // namespace exogpu::node
