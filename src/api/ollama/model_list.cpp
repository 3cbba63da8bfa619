#include "api/ollama/model_list.h"

#include "api/ollama/time_text.h"
#include "api/surface/models.h"

namespace exogpu::api::ollama {

using json = nlohmann::ordered_json;

namespace {

// "1.5B", "30M"
std::string parameters_text(uint64_t parameters) {
  const auto count = static_cast<double>(parameters);
  if (parameters >= 1'000'000'000) return std::format("{:.1f}B", count / 1e9);
  return std::format("{:.1f}M", count / 1e6);
}

json details_json(const node::ModelDetails& details) {
  return {{"parent_model", ""},
          {"format", "gguf"},
          {"family", details.architecture},
          {"families", json::array({details.architecture})},
          {"parameter_size", parameters_text(details.parameters)},
          {"quantization_level", details.file_type}};
}

// What is known of a model that is not loaded.
node::ModelDetails details_of(const wire::LibraryModel& model) {
  node::ModelDetails details;
  details.name = model.model;
  details.architecture = model.architecture;
  details.file_type = model.quantisation;
  details.parameters = model.parameters;
  details.weight_bytes = model.bytes;
  details.context_length = model.context;
  details.infill = model.abilities.infill;
  details.embeddings = model.abilities.embeddings;
  return details;
}

std::optional<node::ModelDetails> details_of(const Exchange& exchange, const node::ClusterSnapshot& cluster,
                                             const std::string& name) {
  if (const auto text = exchange.service.text(name)) return (*text)->details();
  const auto* entry = cluster.find_in_library(name);
  return entry != nullptr ? std::optional(details_of(entry->model)) : std::nullopt;
}

// The id of the content where the cluster knows it.
std::string digest(const node::ClusterSnapshot& cluster, const std::string& name) {
  if (const node::ModelSnapshot* model = cluster.find_model(name)) return model->content;
  const auto* entry = cluster.find_in_library(name);
  return entry != nullptr ? entry->model.content : std::string();
}

json list_entry(const Exchange& exchange, const node::ModelEntry& model, const node::ClusterSnapshot& cluster) {
  const auto details = details_of(exchange, cluster, model.id);
  json entry = {{"name", model.id},
                {"model", model.id},
                {"modified_at", time_text(model.created)},
                {"size", details ? details->weight_bytes : 0},
                {"digest", digest(cluster, model.id)}};
  if (details) entry["details"] = details_json(*details);
  return entry;
}

// When the model goes if nobody uses it any more. One that stays has a time far away, as Ollama writes it.
std::chrono::system_clock::time_point expires_at(const node::ModelSnapshot& model) {
  constexpr std::chrono::hours far{24 * 365 * 100};
  const auto now = std::chrono::system_clock::now();
  if (model.pinned || model.keep_loaded_s == 0) return now + far;
  return model.used_at.value_or(now) + std::chrono::seconds(model.keep_loaded_s);
}

json capabilities_of(const node::ModelDetails& details, const wire::ModelAbilities* unloaded) {
  const auto mentions = [&](const char* word) { return details.chat_template.find(word) != std::string::npos; };
  json capabilities = json::array({details.embeddings ? "embedding" : "completion"});
  if (details.infill) capabilities.push_back("insert");
  if (unloaded ? unloaded->tools : mentions("tools")) capabilities.push_back("tools");
  if (unloaded ? unloaded->thinking : mentions("enable_thinking")) capabilities.push_back("thinking");
  return capabilities;
}

// The memory of the plan's stages, and that of those on GPUs.
void add_memory(json& entry, const node::PlanSnapshot& plan) {
  Bytes all = 0, on_gpus = 0;
  for (const node::StageSnapshot& stage : plan.stages) {
    all += stage.memory;
    if (!stage.device.starts_with("cpu")) on_gpus += stage.memory;
  }
  entry["size"] = all;
  entry["size_vram"] = on_gpus;
}

json value_json(const model::MetaValue& value) {
  return std::visit(
      [](const auto& item) -> json {
        if constexpr (std::is_same_v<std::decay_t<decltype(item)>, model::MetaArray>) {
          return std::visit([](const auto& items) { return json(items); }, item);
        } else {
          return item;
        }
      },
      value);
}

// `unloaded`: of a model whose file was not opened here; null otherwise.
json show_json(const node::ModelEntry& model, const node::ModelDetails& details, const wire::ModelAbilities* unloaded) {
  json info = json::object();
  for (const model::MetaEntry& entry : details.metadata) info[entry.key] = value_json(entry.value);
  info["general.parameter_count"] = details.parameters;
  return {{"license", details.license},
          {"modelfile", ""},
          {"parameters", std::format("num_ctx {}", model.context_tokens)},
          {"template", details.chat_template},
          {"details", details_json(details)},
          {"model_info", std::move(info)},
          {"capabilities", capabilities_of(details, unloaded)},
          {"modified_at", time_text(model.created)}};
}

}  // namespace

Parsed<Action> tags(const Exchange& exchange) {
  const auto cluster = exchange.service.cluster();
  json list = json::array();
  for (const node::ModelEntry& model : exchange.service.models()) {
    list.push_back(list_entry(exchange, model, *cluster));
  }
  return Reply{.body = dump({{"models", std::move(list)}})};
}

Parsed<Action> loaded(const Exchange& exchange) {
  const auto cluster = exchange.service.cluster();
  json list = json::array();
  for (const node::ModelEntry& model : exchange.service.models()) {
    if (model.state != node::ModelState::loaded || !exchange.service.text(model.id)) continue;
    json entry = list_entry(exchange, model, *cluster);
    const node::ModelSnapshot* served = cluster->find_model(model.id);
    if (served != nullptr && served->plan) add_memory(entry, *served->plan);
    if (served != nullptr) entry["expires_at"] = time_text(expires_at(*served));
    entry["context_length"] = model.context_tokens;
    list.push_back(std::move(entry));
  }
  return Reply{.body = dump({{"models", std::move(list)}})};
}

Parsed<Action> show(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  EXO_TRY(auto name, fields.text("model"));
  if (!name) {
    EXO_TRY(name, fields.text("name"));  // the older word
  }
  if (!name) return bad_field("model", "missing_required_parameter", "is missing; name a model");
  EXO_TRY(const node::ModelEntry model, find_model(exchange.service, *name));
  const auto cluster = exchange.service.cluster();
  const auto* entry = model.state == node::ModelState::loaded ? nullptr : cluster->find_in_library(model.id);
  if (entry != nullptr) {
    return Reply{.body = dump(show_json(model, details_of(entry->model), &entry->model.abilities))};
  }
  EXO_TRY(const auto text, find_text(exchange.service, model.id));
  return Reply{.body = dump(show_json(model, text->details(), nullptr))};
}

}  // namespace exogpu::api::ollama
