#include "node/requests.h"

#include <algorithm>
#include <format>
#include <ranges>

namespace exogpu::node {

Requests::Requests(wire::NodeId self, Transport& transport, RingAccess rings, GenerationsHost host,
                   std::function<void(const std::string&)> note)
    : self_(self),
      transport_(&transport),
      rings_(std::move(rings)),
      host_(std::move(host)),
      note_(std::move(note)),
      stream_relay_(streams_, transport, host_.post),
      server_(server_host()) {}

pipeline::RequestServerHost Requests::server_host() {
  return {.driver = [this](wire::PlanEpoch epoch) { return rings_.driver(epoch); },
          .send =
              [this](wire::NodeId to, const wire::Generated& message) {
                if (to == self_) return on_generated(self_, message);
                (void)transport_->send_message(to, message);
                if ((message.end || message.failure) && host_.on_end) host_.on_end();
              }};
}

void Requests::register_handlers(Dispatch& dispatch) {
  for (const auto type : {wire::ControlType::generate, wire::ControlType::generate_cancel}) {
    dispatch.on_raw(type, [this](wire::NodeId from, wire::ControlType of, std::span<const std::byte> payload) {
      return server_.on_control(from, of, payload);
    });
  }
  dispatch.on<wire::Generated>(
      [this](wire::NodeId from, const wire::Generated& message) { on_generated(from, message); });
  stream_relay_.register_handlers(dispatch);
}

void Requests::on_generated(wire::NodeId from, const wire::Generated& message) {
  const uint32_t index = ModelRequests::index_of(message.request);
  if (index < by_index_.size()) by_index_[index]->on_generated(from, message);
}

// --- any thread

void Requests::generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener,
                        std::stop_token cancel) {
  if (auto model = to_load(request.model)) {
    request.model = *std::move(model);
    return load_for(std::move(request), std::move(listener), std::move(cancel));
  }
  const auto model = requests_for(request);
  if (model) return begin(**model, std::move(request), std::move(listener), std::move(cancel));
  // Others have waited in vain for a model that was served, unless it is being loaded.
  const bool hopeless = was_served(request.model) && !progress(request.model);
  if (model.error().code != ErrorCode::unavailable || hopeless) return listener->on_error(model.error());
  wait({std::move(request), std::move(listener), std::move(cancel), {}, model.error()});
}

void Requests::begin(ModelRequests& model, GenerationRequest request, std::shared_ptr<GenerationListener> listener,
                     std::stop_token cancel) {
  host_.post([this, content = model.content(), name = request.model, keep = request.keep_loaded_s] {
    if (loading_.on_use) loading_.on_use(content);
    if (keep) want(name, kept_for(keep));
  });
  model.generations().generate(std::move(request), std::move(listener), std::move(cancel));
}

void Requests::wait(EarlyRequests::Request request) {
  const auto now = EarlyRequests::Clock::now();
  request.until = now + request.request.wait.value_or(host_.wait);
  early_.add(std::move(request), now);
}

bool Requests::was_served(std::string_view name) const {
  const MutexLock lock(mutex_);
  const auto same = std::ranges::find(named_, name, &Named::name);
  if (same != named_.end()) return same->requests->generations().was_served();
  return std::ranges::any_of(named_, [](const Named& model) { return model.requests->generations().was_served(); });
}

Result<std::shared_ptr<ModelRequests>> Requests::requests_for(const GenerationRequest& request) const {
  EXO_TRY(auto model, find(request.model, request.wait));
  EXO_CHECK(model->generations().expected(request.wait));
  return model;
}

Result<std::shared_ptr<ModelText>> Requests::text(std::string_view model) const {
  if (const auto name = to_load(model)) {
    return fail(ErrorCode::unavailable, "the model \"{}\" is not loaded; load it, or send it a request", *name);
  }
  EXO_TRY(const auto requests, find(model, {}));
  EXO_TRY(const Serving expected, requests->generations().expected());
  return expected.encoder;
}

Result<std::shared_ptr<ModelRequests>> Requests::find(std::string_view name,
                                                      std::optional<std::chrono::milliseconds> wait) const {
  const MutexLock lock(mutex_);
  if (named_.empty() && (name.empty() || unloaded_.empty())) return std::unexpected(no_model_);
  std::string names;
  for (const Named& model : named_) {
    if (!model.requests->generations().expected(wait)) continue;
    if (name.empty() || model.name == name) return model.requests;
    names += std::format("{}\"{}\"", names.empty() ? "" : ", ", model.name);
  }
  // What is not served says why.
  const auto same = std::ranges::find(named_, name, &Named::name);
  if (same != named_.end()) return same->requests;
  if (names.empty() && !named_.empty()) return named_.front().requests;
  for (const ModelEntry& model : unloaded_) names += std::format("{}\"{}\"", names.empty() ? "" : ", ", model.id);
  return fail(ErrorCode::not_found, "there is no model \"{}\"; here is {}", name, names);
}

Result<void> Requests::ready() const {
  const MutexLock lock(mutex_);
  // Whether a model is loaded is then a matter of those requests that name it.
  if (std::ranges::none_of(named_, &Named::wanted) && !unloaded_.empty()) return {};
  Result<void> ready = std::unexpected(no_model_);
  for (const Named& model : named_ | std::views::reverse) {
    const auto serving = model.requests->generations().serving();
    if (serving) return {};
    ready = std::unexpected(serving.error());
  }
  return ready;
}

// --- the node's thread

ModelRequests& Requests::of(const std::string& content) {
  Model& model = models_[content];
  if (!model.requests) {
    model.requests = std::make_shared<ModelRequests>(static_cast<uint32_t>(by_index_.size()), content, self_, server_,
                                                     *transport_, rings_, host_, note_);
    by_index_.push_back(model.requests.get());
  }
  return *model.requests;
}

void Requests::update(const wire::ReplicatedState& state, const StageReports& reports,
                      const std::function<EncoderStatus(const std::string&)>& encoder, cluster::Time now) {
  for (const auto& [content, model] : state.models) {
    of(content);
    Model& known = models_.at(content);
    known.name = model.served.model;
    known.settings = {.serving = model.served.settings,
                      .devices_min = model.served.devices_min,
                      .without = model.served.without,
                      .keep_loaded_s = model.served.keep_loaded_s};
  }
  for (const auto& [content, model] : models_) {
    model.requests->gate().update(state, reports, encoder(content), now);
  }
  publish(state, reports);
  load_interrupted(state);
  early_.retry(EarlyRequests::Clock::now(), [this](EarlyRequests::Request& early) { return retry(early); });
}

void Requests::read_stream(wire::StreamRead request, StreamReader done) {
  if (streams_.has(request.stream, request.owner)) return streams_.read(request, done, StreamStore::Clock::now());
  host_.post([this, request = std::move(request), done = std::move(done)]() mutable {
    stream_relay_.read(std::move(request), std::move(done), StreamStore::Clock::now());
  });
}

void Requests::tick(cluster::Time now) {
  streams_.tick(now);
  stream_relay_.tick(now);
}

void Requests::on_link_down(wire::NodeId peer) {
  stream_relay_.on_link_down(peer);
  server_.peer_lost(peer);
  for (ModelRequests* model : by_index_) model->on_link_down(peer);
}

std::set<wire::NodeId> Requests::answering_nodes() const {
  std::set<wire::NodeId> nodes;
  for (const ModelRequests* model : by_index_) nodes.merge(model->answering_nodes());
  return nodes;
}

void Requests::resume() {
  for (ModelRequests* model : by_index_) model->generations().resume();
}

bool Requests::waiting() const {
  return std::ranges::any_of(by_index_, [](const ModelRequests* model) { return model->generations().waiting(); });
}

void Requests::fail_all(const Error& why) {
  early_.fail_all(why);
  for (ModelRequests* model : by_index_) model->generations().fail_all(why);
}

std::set<std::string> Requests::busy() const {
  std::set<std::string> busy;
  std::set<std::string> wanted = early_.models();
  for (const auto& [name, content] : other_names_) {
    if (wanted.contains(name)) wanted.insert(models_.at(content).name);
  }
  for (const auto& [content, model] : models_) {
    if (model.requests->generations().busy() || wanted.contains(model.name)) busy.insert(content);
  }
  return busy;
}

bool Requests::serving() const {
  return std::ranges::any_of(models_,
                             [](const auto& each) { return each.second.requests->gate().serving().has_value(); });
}

LiveRates Requests::measure(const std::string& content, const pipeline::Driver& driver,
                            std::chrono::steady_clock::time_point now) {
  of(content);
  Counts& measured = models_.at(content).measured;
  const pipeline::Scheduler& scheduler = driver.scheduler();
  const Counts before = std::exchange(
      measured, {.at = now, .sampled = scheduler.tokens_sampled(), .computed = scheduler.tokens_computed()});
  const double seconds = std::chrono::duration<double>(now - before.at).count();
  // Counts of a new ring begin at 0 again.
  const auto rate = [&](uint64_t count, uint64_t previous) {
    return count >= previous && seconds > 0 ? static_cast<double>(count - previous) / seconds : 0;
  };
  return LiveRates{.requests = scheduler.active(),
                   .waiting_requests = scheduler.waiting(),
                   .tokens_per_s = rate(measured.sampled, before.sampled),
                   .computed_tokens_per_s = rate(measured.computed, before.computed),
                   .replayed_tokens = scheduler.tokens_replayed(),
                   .stage_step_s = driver.stage_seconds()};
}

}  // namespace exogpu::node
