#include "node/model_offer.h"

#include <algorithm>
#include <utility>

namespace exogpu::node {

void ModelOffer::set_content(std::string content) {
  if (!model_) return;
  model_->content = std::move(content);
  content_known_ = true;
}

bool ModelOffer::name_taken(const wire::ReplicatedState& state) const {
  if (!model_ || !content_known_) return false;
  return std::ranges::any_of(state.models, [&](const auto& entry) {
    return entry.first != model_->content && entry.second.served.model == model_->model;
  });
}

std::optional<wire::ModelSet> ModelOffer::proposal(const wire::ReplicatedState& state, const wire::Term& term,
                                                   cluster::Time now) {
  if (!content_known_ || overruled_ || name_taken(state)) return std::nullopt;
  const auto known = state.models.find(model_->content);
  if (known != state.models.end() && (joins_ || known->second.served == *model_)) {
    accepted_in_ = term;
    return std::nullopt;
  }
  overruled_ = accepted_in_ == term;
  if (overruled_ || (proposed_at_ && now < *proposed_at_ + kRetry)) return std::nullopt;
  proposed_at_ = now;
  return wire::ModelSet{*model_};
}

}  // namespace exogpu::node
