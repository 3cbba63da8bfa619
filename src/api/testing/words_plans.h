// The part of WordsService that predicts plans, changes nodes, admits newcomers and examines networks.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "node/service.h"
#include "wire/node_settings.h"

namespace exogpu::api::testing {

class WordsPlans : public node::Service {
 public:
  Result<void> drain(std::string_view node, bool) override {
    if (node != "test") return fail(ErrorCode::not_found, "there is no node \"{}\"; here are: test", node);
    return {};
  }

  Result<void> remove(std::string_view node) override {
    if (node == "test") return fail(ErrorCode::invalid_argument, "a node does not remove itself");
    if (node != "other") return fail(ErrorCode::not_found, "there is no node \"{}\"; here are: test, other", node);
    return {};
  }

  Result<void> rename(std::string_view node, const std::string& name) override {
    if (node != "test") return fail(ErrorCode::not_found, "there is no node \"{}\"; here are: test, other", node);
    if (name == "other") return fail(ErrorCode::already_exists, "another node is called other");
    return wire::check_node_name(name);
  }

  wire::Role role() const override { return role_; }
  void set_own_role(wire::Role role) { role_ = role; }
  Result<void> set_role(std::string_view node, wire::Role) override {
    if (node == "test") return fail(ErrorCode::failed_precondition, "node test is the only owner of the cluster");
    if (node != "other") return fail(ErrorCode::not_found, "there is no node \"{}\"; here are: test, other", node);
    return {};
  }
  Result<void> begin_roles() override { return fail(ErrorCode::already_exists, "this cluster has roles already"); }

  Result<void> set_limits(std::string_view node, const wire::LimitChanges& changes) override {
    if (node != "test") return fail(ErrorCode::not_found, "there is no node \"{}\"; here are: test, other", node);
    limits = wire::changed(limits, changes);
    return {};
  }
  wire::OwnerLimits limits{};  // of the node "test"

  // Of the models of WordsService, one is not loaded.
  void remove_model(const node::ModelRemoval& request,
                    const std::function<void(Result<node::RemovedModel>)>& done) override {
    const std::string refusal = request.model == "unloaded" ? "" : request.model + " is loaded; unload it first";
    if (!refusal.empty() && !request.only_look) return done(fail(ErrorCode::failed_precondition, "{}", refusal));
    if (!request.only_look) ++removed_models;
    done(node::RemovedModel{.model = request.model,
                            .node = "test",
                            .files = {"/models/file.gguf"},
                            .bytes_freed = 60'000'000,
                            .refusal = refusal});
  }
  std::atomic<int> removed_models = 0;

  // All layers on one device, unless that is excluded.
  void preview(const node::PreviewRequest& request,
               const std::function<void(Result<node::PlanPreview>)>& done) override {
    if (request.without && !request.without->empty()) {
      return done(fail(ErrorCode::out_of_memory, "no device has room; {} is excluded", request.without->front()));
    }
    node::PlanPreview preview{.model = request.model, .layers = 12};
    preview.settings.context = request.context.value_or(2048);
    preview.settings.objective = request.objective.value_or(wire::Objective::latency);
    preview.plan.stages = {{.node = "test", .device = "cpu", .layers = {0, 12}, .memory = {.weights = 5}}};
    preview.alternatives = {{.name = "two devices", .reason = "there is one"}};
    done(std::move(preview));
  }

  void admit(const node::AdmissionRequest& request,
             const std::function<void(Result<node::AdmissionStatus>)>& done) override {
    using enum node::AdmissionAction;
    if (request.action == show) return done(node::AdmissionStatus{.code = "123456"});
    if (request.code.size() != 6) return done(fail(ErrorCode::invalid_argument, "a code has six digits"));
    if (request.action == withdraw) {
      return done(node::AdmissionStatus{.code = request.code, .state = node::AdmissionState::withdrawn});
    }
    done(node::AdmissionStatus{.code = request.code, .state = node::AdmissionState::paired, .newcomer = "laptop"});
  }

  // Answers from another thread, as a node does.
  void examine(const std::function<void(Result<std::vector<node::Finding>>)>& done) override {
    examiner_ = std::jthread([done] {
      done(std::vector<node::Finding>{{.level = node::Level::problem, .check = "mdns", .what = "no", .remedy = "do"}});
    });
  }

 private:
  std::jthread examiner_;
  std::atomic<wire::Role> role_ = wire::Role::owner;
};

}  // namespace exogpu::api::testing
