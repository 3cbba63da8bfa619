// Nodes with an exchange each, joined by channels over memory: nothing moves unless the test runs it, except the
// workers' jobs.
#pragma once

#include <algorithm>
#include <deque>

#include "base/mutex.h"
#include "net/mem/mem_network.h"
#include "net/testing/recorder.h"
#include "weights/exchange.h"
#include "weights/testing/dispatch.h"
#include "weights/testing/example_model.h"

namespace exogpu::weights::testing {

using namespace std::chrono_literals;

// Calls from other threads for each node, until the test runs them.
class PostBox {
 public:
  WeightExchange::Post post(uint8_t node) {
    return [box = box_, node](std::move_only_function<void()> call) {
      {
        const MutexLock lock(box->mutex);
        box->calls.emplace_back(node, std::move(call));
      }
      box->more.notify_all();
    };
  }
  // Those of one node, or of all. False when there was none within `wait`.
  bool run_all(std::chrono::milliseconds wait, std::optional<uint8_t> node = std::nullopt) {
    std::deque<Call> now;
    {
      MutexLock lock(box_->mutex);
      const auto deadline = std::chrono::steady_clock::now() + wait;
      auto is_due = [&](const Call& call) { return !node || call.first == *node; };
      while (std::ranges::none_of(box_->calls, is_due) && box_->more.wait_until(lock, deadline)) {
      }
      for (Call& call : std::exchange(box_->calls, {})) (is_due(call) ? now : box_->calls).push_back(std::move(call));
    }
    for (auto& call : now) call.second();
    return !now.empty();
  }

 private:
  using Call = std::pair<uint8_t, std::move_only_function<void()>>;
  struct Box {
    Mutex mutex;
    CondVar more;
    std::deque<Call> calls EXO_GUARDED_BY(mutex);
  };
  std::shared_ptr<Box> box_ = std::make_shared<Box>();
};

struct MemCluster {
  struct Node {
    net::LinkSelf self;
    std::unique_ptr<WeightExchange> exchange;
    std::map<wire::NodeId, std::unique_ptr<Dispatch>> links;
  };

  // `cache` may be null.
  Node& add(uint8_t number, std::shared_ptr<WeightCache> cache, const ExchangeOptions& options = {}) {
    Node& node = nodes[number];
    node.self = net::testing::node_named(number);
    node.exchange = std::make_unique<WeightExchange>(std::move(cache), box.post(number), options);
    node.exchange->tick(now);
    return node;
  }
  void connect(uint8_t a, uint8_t b, net::ChannelOptions patient = {}) {
    patient.silence_max = std::chrono::hours(1);
    auto pair = network.connect({nodes.at(a).self, patient}, {nodes.at(b).self, patient});
    ASSERT_TRUE(pair) << pair.error().message;
    join(nodes.at(a), std::move(pair->a));
    join(nodes.at(b), std::move(pair->b));
  }
  static void join(Node& node, std::unique_ptr<net::Channel> channel) {
    const wire::NodeId peer = channel->peer().node;
    node.links.erase(peer);
    node.links[peer] = std::make_unique<Dispatch>(*node.exchange, std::move(channel));
  }
  Dispatch& link(uint8_t from, uint8_t to) { return *nodes.at(from).links.at(nodes.at(to).self.node); }
  void cut(uint8_t a, uint8_t b) {
    network.cut(*link(a, b).channel);
    network.pump(now);
  }

  // Until `ready`, or fails after a minute of real time. `pass`: how far the clock of the network advances in each
  // round.
  template <typename Ready>
  void run_until(Ready ready, std::chrono::milliseconds pass = 0ms) {
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (!ready()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << "nothing happens any more";
      now += pass;
      network.pump(now);
      if (pass > 0ms) {
        for (auto& [number, node] : nodes) node.exchange->tick(now);
      }
      if (ready()) return;
      box.run_all(pass > 0ms ? 1ms : 100ms);
    }
  }

  net::SteadyTime now{1h};
  net::MemNetwork network{now};
  PostBox box;
  std::map<uint8_t, Node> nodes;
};

}  // namespace exogpu::weights::testing
