#include "node/node.h"

#include "node/node_impl.h"

namespace exogpu::node {

Result<std::unique_ptr<Node>> Node::start(NodeOptions options) {
  EXO_TRY(std::unique_ptr<Impl> impl, Impl::start(std::move(options)));
  return std::unique_ptr<Node>(new Node(std::move(impl)));
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;

uint16_t Node::port() const { return impl_->port(); }
const std::string& Node::name() const { return impl_->name(); }
void Node::set_api(std::string host, uint16_t port, std::string_view scheme) {
  impl_->set_api(std::move(host), port, std::string(scheme));
}
void Node::add_peer(const Address& at) { impl_->add_peer(at); }

std::vector<ModelEntry> Node::models() const { return impl_->requests().models(); }
Result<std::shared_ptr<ModelText>> Node::text(std::string_view model) const { return impl_->requests().text(model); }
Result<void> Node::ready() const { return impl_->requests().ready(); }
std::shared_ptr<const ClusterSnapshot> Node::cluster() const {
  impl_->want_predictions();
  return impl_->status().snapshot();
}
std::shared_ptr<const ClusterSnapshot> Node::wait_for_cluster(uint64_t version,
                                                              std::chrono::milliseconds timeout) const {
  impl_->want_predictions();
  return impl_->status().wait(version, timeout);
}
Result<void> Node::set_limits(std::string_view node, const wire::LimitChanges& changes) {
  return impl_->set_limits(node, changes);
}
Result<void> Node::load(std::string_view model, const wire::LoadSettings& settings) {
  return impl_->load(model, settings);
}
Result<void> Node::unload(std::string_view model) { return impl_->unload(model); }
Result<void> Node::drain(std::string_view node, bool draining) { return impl_->drain(node, draining); }
Result<void> Node::remove(std::string_view node) { return impl_->remove(node); }
Result<void> Node::rename(std::string_view node, const std::string& name) { return impl_->rename(node, name); }
wire::Role Node::role() const { return impl_->role(); }
Result<void> Node::set_role(std::string_view node, wire::Role role) { return impl_->set_role(node, role); }
Result<void> Node::begin_roles() { return impl_->begin_roles(); }
void Node::remove_model(const ModelRemoval& request, const std::function<void(Result<RemovedModel>)>& done) {
  impl_->remove_model(request, done);
}
void Node::preview(const PreviewRequest& request, const std::function<void(Result<PlanPreview>)>& done) {
  impl_->preview(request, done);
}
void Node::admit(const AdmissionRequest& request, const std::function<void(Result<AdmissionStatus>)>& done) {
  impl_->admit(request, done);
}
void Node::connect(const std::string& host, uint16_t port, const std::function<void(Result<void>)>& done) {
  impl_->connect(host, port, done);
}
void Node::examine(const std::function<void(Result<std::vector<Finding>>)>& done) { impl_->examine(done); }
void Node::pull(std::string source, std::shared_ptr<PullListener> listener, std::stop_token cancel) {
  impl_->pulls().add(std::move(source), std::move(listener), std::move(cancel));
}
AccessKeys& Node::access_keys() { return impl_->access_keys(); }
Audit* Node::audit() { return &impl_->audit(); }
void Node::generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener, std::stop_token cancel) {
  auto counted = impl_->counted(request.model, std::move(listener));
  impl_->requests().generate(std::move(request), std::move(counted), std::move(cancel));
}
std::unique_ptr<StreamStore::Writer> Node::keep_stream(wire::StreamId id, StreamOptions options) {
  return impl_->requests().streams().create(id, std::move(options), StreamStore::Clock::now());
}
void Node::read_stream(wire::StreamRead request, StreamReader done) {
  impl_->requests().read_stream(std::move(request), std::move(done));
}

telemetry::TelemetrySnapshot Node::telemetry(const telemetry::HistoryQuery& query) const {
  return impl_->telemetry(query);
}
NodeMetrics Node::metrics() const { return impl_->metrics(); }
std::vector<RecentEvent> Node::events(uint64_t after) const { return impl_->events(after); }
std::vector<RecentRequest> Node::recent_requests() const { return impl_->recent_requests(); }
std::vector<LinkPast> Node::link_past(size_t values) const { return impl_->link_past(values); }
std::vector<wire::Alert> Node::alerts() const { return impl_->alerts(); }

}  // namespace exogpu::node
