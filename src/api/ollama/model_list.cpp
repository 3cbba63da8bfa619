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

// The id of the content where the cluster knows it.
std::string digest(const node::ClusterSnapshot& cluster, const std::string& name) {
  const node::ModelSnapshot* model = cluster.find_model(name);
  return model != nullptr ? model->content : std::string();
}

json list_entry(const node::ModelEntry& model, const node::ClusterSnapshot& cluster,
                const node::ModelDetails* details) {
  json entry = {{"name", model.id},
                {"model", model.id},
                {"modified_at", time_text(model.created)},
                {"size", details ? details->weight_bytes : 0},
                {"digest", digest(cluster, model.id)}};
  if (details) entry["details"] = details_json(*details);
  return entry;
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

json show_json(const node::ModelEntry& model, const node::ModelDetails& details) {
  json capabilities = json::array({details.embeddings ? "embedding" : "completion"});
  if (details.infill) capabilities.push_back("insert");
  if (details.chat_template.find("tools") != std::string::npos) capabilities.push_back("tools");
  if (details.chat_template.find("enable_thinking") != std::string::npos) capabilities.push_back("thinking");
  json info = json::object();
  for (const model::MetaEntry& entry : details.metadata) info[entry.key] = value_json(entry.value);
  info["general.parameter_count"] = details.parameters;
  return {{"license", details.license},
          {"modelfile", ""},
          {"parameters", std::format("num_ctx {}", model.context_tokens)},
          {"template", details.chat_template},
          {"details", details_json(details)},
          {"model_info", std::move(info)},
          {"capabilities", std::move(capabilities)},
          {"modified_at", time_text(model.created)}};
}

}  // namespace

Parsed<Action> tags(const Exchange& exchange) {
  const auto cluster = exchange.service.cluster();
  json list = json::array();
  for (const node::ModelEntry& model : exchange.service.models()) {
    const auto text = exchange.service.text(model.id);
    list.push_back(list_entry(model, *cluster, text ? &(*text)->details() : nullptr));
  }
  return Reply{.body = dump({{"models", std::move(list)}})};
}

Parsed<Action> loaded(const Exchange& exchange) {
  const auto cluster = exchange.service.cluster();
  json list = json::array();
  for (const node::ModelEntry& model : exchange.service.models()) {
    const auto text = exchange.service.text(model.id);
    if (!text) continue;
    json entry = list_entry(model, *cluster, &(*text)->details());
    const node::ModelSnapshot* served = cluster->find_model(model.id);
    if (served != nullptr && served->plan) add_memory(entry, *served->plan);
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
  EXO_TRY(const auto text, find_text(exchange.service, model.id));
  return Reply{.body = dump(show_json(model, text->details()))};
}

}  // namespace exogpu::api::ollama
