#include <nlohmann/json.hpp>

#include "cli/inspect/report.h"
#include "model/base_model.h"

namespace exogpu::cli {
namespace {

using Json = nlohmann::ordered_json;
using model::TensorType;

constexpr size_t kElementsMost = 16;  // longer arrays are shortened

template <typename T>
Json maybe(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json maybe(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

// One number if all layers agree.
Json per_layer(const std::vector<uint64_t>& values) {
  if (values.empty()) return nullptr;
  for (uint64_t value : values) {
    if (value != values[0]) return values;
  }
  return values[0];
}

Json metadata_value(const model::MetaValue& value) {
  if (const auto* array = std::get_if<model::MetaArray>(&value)) {
    return std::visit(
        [](const auto& values) {
          if (values.size() <= kElementsMost) return Json(values);
          Json first = Json::array();
          for (size_t i = 0; i < kElementsMost; ++i) first.push_back(values[i]);
          return Json{{"count", values.size()}, {"first", std::move(first)}};
        },
        *array);
  }
  return std::visit(
      [](const auto& one) {
        if constexpr (std::is_same_v<std::decay_t<decltype(one)>, model::MetaArray>) {
          return Json(nullptr);
        } else {
          return Json(one);
        }
      },
      value);
}

Json file_json(const model::Gguf& file) {
  Json parts = Json::array();
  for (const auto& part : file.parts()) parts.push_back(part.string());
  return {{"path", file.path().string()},
          {"parts", std::move(parts)},
          {"bytes", file.file_bytes()},
          {"version", file.version()}};
}

Json model_json(const Report& report) {
  const model::ModelSummary& m = report.summary;
  return {{"name", maybe(m.name)},
          {"architecture", maybe(m.architecture)},
          {"file_type", maybe(m.file_type)},
          {"parameters", m.parameters},
          {"active_parameters", maybe(m.active_parameters)},
          {"layers", m.layers.size()},
          {"embedding_length", maybe(m.width)},
          {"feed_forward_length", per_layer(m.feed_forward)},
          {"head_count", per_layer(m.heads)},
          {"head_count_kv", per_layer(m.kv_heads)},
          {"key_length", maybe(m.key_length)},
          {"value_length", maybe(m.value_length)},
          {"expert_count", maybe(m.experts)},
          {"expert_used_count", maybe(m.experts_used)},
          {"expert_feed_forward_length", maybe(m.expert_feed_forward)},
          {"context_length", maybe(m.context_length)},
          {"sliding_window", maybe(m.sliding_window)},
          {"rope_base", maybe(m.rope_base)},
          {"rope_scaling", maybe(m.rope_scaling)},
          {"vocabulary", maybe(m.vocabulary)},
          {"tokenizer", maybe(m.tokenizer)},
          {"pre_tokenizer", maybe(m.pre_tokenizer)},
          {"chat_template", m.chat_template},
          {"chat_template_error", maybe(report.template_fault)},
          {"base_model", !model::base_model_sign(report.file).empty()},
          {"license", maybe(m.license)}};
}

Json weights_json(const model::ModelSummary& m) {
  Json types = Json::array();
  for (const model::TypeShare& share : m.types) {
    types.push_back({{"type", model::tensor_type_name(share.type)},
                     {"tensors", share.tensors},
                     {"elements", share.elements},
                     {"bytes", share.bytes}});
  }
  Json layers = Json::array();
  for (const model::LayerSummary& layer : m.layers) layers.push_back(layer.weight_bytes);
  return {{"bytes", m.weight_bytes},          {"bits_per_weight", m.bits_per_weight()},
          {"types", std::move(types)},        {"embedding_bytes", m.embedding_bytes},
          {"layer_bytes", std::move(layers)}, {"head_bytes", m.head_bytes},
          {"other_bytes", m.other_bytes},     {"tied_head", m.tied_head}};
}

Json cache_json(const model::ModelSummary& m) {
  if (!m.kv_known) return nullptr;
  auto per_token = [&](TensorType type) { return model::kv_bytes_per_token(m.layers, type); };
  return {{"bytes_per_token",
           {{"f16", per_token(TensorType::f16)},
            {"q8_0", per_token(TensorType::q8_0)},
            {"f32", per_token(TensorType::f32)}}}};
}

Json devices_json(const Report& report) {
  Json devices = Json::array();
  for (const DeviceMemory& device : report.devices) {
    Fit fits = fit(report.summary, device.free);
    devices.push_back({{"id", maybe(device.id)},
                       {"name", device.name},
                       {"free_bytes", device.free},
                       {"whole_model", fits.whole},
                       {"layers", fits.layers},
                       {"streamed_layers", fits.streamed},
                       {"context_tokens", maybe(fits.context_tokens)}});
  }
  return devices;
}

Json tensors_json(const model::Gguf& file) {
  Json tensors = Json::array();
  for (const model::TensorInfo& tensor : file.tensors()) {
    Json shape = Json::array();
    for (uint32_t d = 0; d < tensor.n_dims; ++d) shape.push_back(tensor.dims[d]);
    tensors.push_back({{"name", tensor.name},
                       {"type", model::tensor_type_name(tensor.type)},
                       {"shape", std::move(shape)},
                       {"part", tensor.part},
                       {"offset", tensor.offset},
                       {"bytes", tensor.bytes}});
  }
  return tensors;
}

Json check_json(const CheckResult& check) {
  Json bad = Json::array();
  for (const BadTensor& tensor : check.bad_tensors) {
    bad.push_back({{"tensor", tensor.tensor->name},
                   {"type", model::tensor_type_name(tensor.tensor->type)},
                   {"bad_blocks", tensor.values.count},
                   {"first_index", tensor.values.first}});
  }
  return {{"sound", check.sound()}, {"non_finite", std::move(bad)}, {"contradictions", check.contradictions}};
}

}  // namespace

std::string as_json(const Report& report) {
  Json metadata = Json::object();
  for (const model::MetaEntry& entry : report.file.metadata()) metadata[entry.key] = metadata_value(entry.value);
  Json out = {{"file", file_json(report.file)},          {"model", model_json(report)},
              {"weights", weights_json(report.summary)}, {"kv_cache", cache_json(report.summary)},
              {"devices", devices_json(report)},         {"metadata", std::move(metadata)}};
  if (report.list_tensors) out["tensors"] = tensors_json(report.file);
  if (report.check) out["check"] = check_json(*report.check);
  // Texts in a file may contain any bytes; JSON may not.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace exogpu::cli
