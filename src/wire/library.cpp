#include "wire/library.h"

#include "wire/log_coding.h"

namespace exogpu::wire {

void put(proto::LibraryReported& out, const LibraryReported& in) {
  out.set_node(text_of(in.node));
  for (const LibraryModel& model : in.models) put(*out.add_models(), model);
}

namespace {

void put_work(proto::ModelWork& out, const ModelWork& in) {
  out.set_layer_bytes(in.layer_bytes);
  out.set_active_layer_bytes(in.active_layer_bytes);
  out.set_embedding_bytes(in.embedding_bytes);
  out.set_head_bytes(in.head_bytes);
  out.set_ends_shared_bytes(in.ends_shared_bytes);
  out.set_kv_bytes_per_token(in.kv_bytes_per_token);
  out.set_flops_per_token(in.flops_per_token);
  out.set_activation_width(in.activation_width);
  out.set_vocabulary(in.vocabulary);
}

Result<ModelWork> work_of(const proto::ModelWork& in) {
  ModelWork out{.layer_bytes = in.layer_bytes(),
                .active_layer_bytes = in.active_layer_bytes(),
                .embedding_bytes = in.embedding_bytes(),
                .head_bytes = in.head_bytes(),
                .ends_shared_bytes = in.ends_shared_bytes(),
                .kv_bytes_per_token = in.kv_bytes_per_token(),
                .activation_width = in.activation_width(),
                .vocabulary = in.vocabulary()};
  EXO_TRY(out.flops_per_token, amount_of(in.flops_per_token(), "the work of a model in a library"));
  return out;
}

void put_defaults(proto::LoadDefaults& out, const LoadDefaults& in) {
  put(*out.mutable_serving(), in.serving);
  out.set_devices_min(in.devices_min);
  for (const std::string& name : in.without) out.add_without(text(name));
  out.set_keep_loaded_s(in.keep_loaded_s);
}

Result<std::vector<std::string>> without_of(const google::protobuf::RepeatedPtrField<std::string>& in) {
  EXO_CHECK(within(in.size(), kWithoutMax, "the excluded devices of a model to load"));
  std::vector<std::string> out;
  for (const std::string& field : in) {
    EXO_TRY(std::string name, name_of(field, "an excluded device of a model to load"));
    out.push_back(std::move(name));
  }
  return out;
}

Result<LoadDefaults> defaults_of(const proto::LoadDefaults& in) {
  LoadDefaults out{.serving = {}, .devices_min = in.devices_min(), .without = {}, .keep_loaded_s = in.keep_loaded_s()};
  EXO_TRY(out.serving, asked_settings_of(in.serving(), "a model to load"));
  EXO_TRY(out.without, without_of(in.without()));
  return out;
}

void put_settings(proto::LoadModel& out, const LoadSettings& in) {
  out.set_pinned(in.pinned);
  if (in.context) out.set_context(*in.context);
  if (in.sequences) out.set_sequences(*in.sequences);
  if (in.keep_loaded_s) out.set_keep_loaded_s(*in.keep_loaded_s);
  if (in.defaults) put_defaults(*out.mutable_defaults(), *in.defaults);
  if (in.layers) out.set_layers(text(*in.layers, kReasonCharsMax));
  if (in.without) {
    auto* without = out.mutable_without();
    for (const std::string& name : *in.without) without->add_names(text(name));
  }
  if (in.objective) out.set_objective(static_cast<uint32_t>(*in.objective));
}

Result<LoadSettings> settings_of(const proto::LoadModel& in) {
  LoadSettings out{.pinned = in.pinned(), .context = {}, .sequences = {}, .keep_loaded_s = {}};
  if (in.has_context()) out.context = in.context();
  if (in.has_sequences()) out.sequences = in.sequences();
  if (in.has_keep_loaded_s()) out.keep_loaded_s = in.keep_loaded_s();
  if (in.has_defaults()) {
    EXO_TRY(out.defaults, defaults_of(in.defaults()));
  }
  if (in.has_layers()) {
    EXO_TRY(out.layers, name_of(in.layers(), "the layers of a model to load", kReasonCharsMax));
  }
  if (in.has_without()) {
    EXO_TRY(out.without, without_of(in.without().names()));
  }
  if (in.has_objective()) {
    EXO_TRY(out.objective, kObjectives.at_number(in.objective(), "a model to load"));
  }
  return out;
}

}  // namespace

void put(proto::LibraryModel& out, const LibraryModel& in) {
  out.set_model(text(in.model));
  out.set_content(text(in.content));
  out.set_tensor_bytes(in.bytes);
  out.set_architecture(text(in.architecture));
  out.set_quantisation(text(in.quantisation));
  out.set_layers(in.layers);
  out.set_parameters(in.parameters);
  out.set_context(in.context);
  out.set_changed_s(in.changed_s);
  out.set_chat(in.abilities.chat);
  out.set_tools(in.abilities.tools);
  out.set_thinking(in.abilities.thinking);
  out.set_embeddings(in.abilities.embeddings);
  out.set_infill(in.abilities.infill);
  put_work(*out.mutable_work(), in.work);
}

Result<LibraryModel> library_model_of(const proto::LibraryModel& in) {
  LibraryModel out;
  EXO_TRY(out.model, name_of(in.model(), "the name of a model in a library"));
  EXO_TRY(out.content, name_of(in.content(), "the content of a model in a library"));
  out.bytes = in.tensor_bytes();
  EXO_TRY(out.architecture, name_of(in.architecture(), "the architecture of a model in a library"));
  EXO_TRY(out.quantisation, name_of(in.quantisation(), "the quantisation of a model in a library"));
  out.layers = in.layers();
  out.parameters = in.parameters();
  out.context = in.context();
  out.changed_s = in.changed_s();
  out.abilities = {.chat = in.chat(),
                   .tools = in.tools(),
                   .thinking = in.thinking(),
                   .embeddings = in.embeddings(),
                   .infill = in.infill()};
  EXO_TRY(out.work, work_of(in.work()));
  return out;
}

Result<std::vector<LibraryModel>> library_of(const google::protobuf::RepeatedPtrField<proto::LibraryModel>& in) {
  EXO_CHECK(within(in.size(), kLibraryModelsMax, "the models of a library"));
  std::vector<LibraryModel> out;
  for (const proto::LibraryModel& field : in) {
    EXO_TRY(LibraryModel model, library_model_of(field));
    out.push_back(std::move(model));
  }
  return out;
}

ByteVector encode(const LoadModel& message) {
  proto::LoadModel out;
  out.set_model(text(message.model));
  put_settings(out, message.settings);
  return serialize(out);
}

template <>
Result<LoadModel> decode<LoadModel>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LoadModel>(bytes, "load model"));
  LoadModel out;
  EXO_TRY(out.model, name_of(in.model(), "the name of a model to load"));
  EXO_TRY(out.settings, settings_of(in));
  return out;
}

ByteVector encode(const LoadRefused& message) {
  proto::LoadRefused out;
  out.set_model(text(message.model));
  out.set_code(std::string(to_string(message.reason.code)));
  out.set_message(cut(message.reason.message, kReasonCharsMax));
  return serialize(out);
}

template <>
Result<LoadRefused> decode<LoadRefused>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LoadRefused>(bytes, "load refused"));
  LoadRefused out;
  EXO_TRY(out.model, name_of(in.model(), "the name of a model that is not loaded"));
  EXO_TRY(out.reason, error_of(in.code(), in.message(), "load refused"));
  return out;
}

}  // namespace exogpu::wire
