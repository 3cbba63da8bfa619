// The requests of a node's API, and those that others send to the node of the first stage.
#include <format>

#include "node/node_impl.h"

namespace exogpu::node {

void Node::Impl::generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener,
                          std::stop_token cancel) {
  generations_->generate(std::move(request), std::move(listener), std::move(cancel));
}

// Only on the node of the first stage.
Result<pipeline::RequestId> Node::Impl::drive(wire::Generate wanted,
                                              std::function<void(const wire::Generated&)> heard) {
  auto* driver = worker_->driver();
  if (!driver || driver->over() || worker_->plan()->epoch != wanted.epoch) {
    return fail(kRingEnded, "the cluster has a new plan; ask again");
  }
  pipeline::Request request{.tokens = std::move(wanted.tokens),
                            .sampling = std::move(wanted.sampling),
                            .tokens_max = wanted.tokens_max,
                            .end_tokens = std::move(wanted.end_tokens)};
  return driver->generate(std::move(request),
                          [number = wanted.request, heard = std::move(heard)](const pipeline::TokenEvent& event) {
                            heard(to_message(number, event));
                          });
}

Result<void> Node::Impl::submit(wire::Generate wanted) {
  const auto first = first_node();
  if (!first) return fail(kRingEnded, "there is no plan");
  if (*first != parts_.identity.node()) {
    auto told = peers_->send_message(*first, wanted);
    if (!told) told.error().code = kRingEnded;  // it is not the prompt that is too long
    if (told) asked_.emplace(wanted.request, *first);
    return told;
  }
  const uint64_t number = wanted.request;
  EXO_TRY(const pipeline::RequestId id, drive(std::move(wanted), [this](const wire::Generated& message) {
            if (message.end || message.failure) driven_.erase({parts_.identity.node(), message.request});
            generations_->on_generated(message);
          }));
  driven_.emplace(std::pair(parts_.identity.node(), number), id);
  return {};
}

void Node::Impl::cancel(uint64_t request) {
  const auto found = driven_.find({parts_.identity.node(), request});
  if (found != driven_.end()) {
    if (auto* driver = worker_->driver()) driver->cancel(found->second);
    driven_.erase(found);
    return;
  }
  const auto asked = asked_.find(request);
  if (asked == asked_.end()) return;
  (void)peers_->send_message(asked->second, wire::CancelGenerate{.request = request});
  asked_.erase(asked);
}

void Node::Impl::on_generated(wire::NodeId from, const wire::Generated& message) {
  const auto asked = asked_.find(message.request);
  if (asked == asked_.end() || asked->second != from) return;
  if (message.end || message.failure) asked_.erase(asked);
  generations_->on_generated(message);
}

void Node::Impl::on_generate(wire::NodeId from, wire::Generate wanted) {
  const uint64_t number = wanted.request;
  auto begun = drive(std::move(wanted), [this, from](const wire::Generated& message) {
    if (message.end || message.failure) driven_.erase({from, message.request});
    (void)peers_->send_message(from, message);
  });
  if (begun) {
    driven_.insert_or_assign({from, number}, *begun);
    return;
  }
  wire::Generated refused{.request = number};
  refused.failure = begun.error();
  refused.interrupted = begun.error().code == kRingEnded;
  (void)peers_->send_message(from, refused);
}

}  // namespace exogpu::node
