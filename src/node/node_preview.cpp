// What a node does for users who look before they act: predicts plans, admits newcomers, examines the network.
#include <utility>

#include "node/library/served_names.h"
#include "node/node_impl.h"
#include "security/identity_store.h"

namespace exogpu::node {

void Node::Impl::preview(const PreviewRequest& request, const std::function<void(Result<PlanPreview>)>& done) {
  auto shared = std::make_shared<const PreviewRequest>(request);
  loop_.post([this, request = std::move(shared), done] {
    const wire::ReplicatedState& state = agent_->state();
    if (const wire::ModelRecord* record = find_served(state, request->model)) {
      return in_background(
          [state, model = record->served, request, done] { done(preview_plan(state, model, *request)); });
    }
    const OwnModel* own = library_->find(request->model);
    if (own == nullptr) return done(std::unexpected(no_file_here(state, request->model)));
    preview_file(*own, request, done);
  });
}

void Node::Impl::preview_file(const OwnModel& own, const std::shared_ptr<const PreviewRequest>& request,
                              const std::function<void(Result<PlanPreview>)>& done) {
  in_background([this, state = agent_->state(), path = own.path, name = own.facts.model, request, done] {
    const auto file = model::Gguf::open(path);
    if (!file) return done(std::unexpected(file.error()));
    auto served = served_model(*file, resources_.machine.devices(), options_.serve_settings(name), options_.on_note);
    if (!served) return done(std::unexpected(served.error()));
    served->model = served->shape.name = name;
    done(preview_plan(state, *std::move(served), *request));
  });
}

void Node::Impl::admit(const AdmissionRequest& request, const std::function<void(Result<AdmissionStatus>)>& done) {
  if (auto authority = options_.identity_store().authority(); !authority) {
    return done(std::unexpected(authority.error()));
  }
  in_background([state = options_.state, request, done] { done(node::admit(state, request)); });
}

void Node::Impl::examine(const std::function<void(Result<std::vector<Finding>>)>& done) {
  if (!options_.examine) return done(fail(ErrorCode::unsupported, "this node examines nothing for clients"));
  if (examining_.exchange(true)) {
    return done(fail(ErrorCode::unavailable, "an examination is in progress; try again in some seconds"));
  }
  in_background([this, done] {
    auto findings = options_.examine(port());
    examining_ = false;
    done(std::move(findings));
  });
}

}  // namespace exogpu::node
