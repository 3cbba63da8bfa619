#include "node/loop.h"

#include <boost/asio/post.hpp>
#include <memory>

namespace exogpu::node {

void Loop::start() {
  thread_ = std::jthread([this] { run(); });
}

void Loop::stop() {
  keeps_running_.reset();
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void Loop::run() {
  while (!io_.stopped()) {
    if (io_.poll_one() > 0) continue;
    if (busy_wait_.active()) {
      std::this_thread::yield();
    } else {
      io_.run_one();
    }
  }
}

// Asio's handlers are copied.
void Loop::post(std::move_only_function<void()> task) {
  boost::asio::post(io_, [task = std::make_shared<std::move_only_function<void()>>(std::move(task))] { (*task)(); });
}

void Loop::post_after(std::chrono::milliseconds time, std::move_only_function<void()> task) {
  auto timer = std::make_unique<boost::asio::steady_timer>(io_, time);
  auto& waiting = *timer;
  waiting.async_wait(
      [timer = std::move(timer), task = std::move(task)](const boost::system::error_code& cancelled) mutable {
        if (!cancelled) task();
      });
}

void Alarm::set(cluster::Time at) {
  timer_.expires_at(at);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) call_();
  });
}

}  // namespace exogpu::node
