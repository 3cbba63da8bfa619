// How this node does: its sensors are read now and then, beside the node's thread, and what has changed much is told.
#include <boost/asio/post.hpp>

#include "node/node_impl.h"
#include "node/signs.h"

namespace exogpu::node {

void Node::Impl::sense() {
  if (std::exchange(sensing_, true)) return;
  boost::asio::post(work_, [this] {
    cluster::Signs signs = signs_of(sensors_, sensed_);
    post([this, signs = std::move(signs)] {
      sensing_ = false;
      condition_.update(signs, std::chrono::steady_clock::now());
      tell_condition();
      pump();
    });
  });
}

void Node::Impl::tell_condition() {
  wire::NodeCondition condition = condition_.told();
  condition.shards = cluster::shards_of(worker_->holding());
  agent_->set_condition(std::move(condition), std::chrono::steady_clock::now());
}

}  // namespace exogpu::node
