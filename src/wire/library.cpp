#include "wire/library.h"

#include "wire/log_coding.h"

namespace exogpu::wire {

void put(proto::LibraryReported& out, const LibraryReported& in) {
  out.set_node(text_of(in.node));
  for (const LibraryModel& model : in.models) put(*out.add_models(), model);
}

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
  out.set_pinned(message.settings.pinned);
  if (message.settings.context) out.set_context(*message.settings.context);
  if (message.settings.sequences) out.set_sequences(*message.settings.sequences);
  if (message.settings.keep_loaded_s) out.set_keep_loaded_s(*message.settings.keep_loaded_s);
  return serialize(out);
}

template <>
Result<LoadModel> decode<LoadModel>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::LoadModel>(bytes, "load model"));
  LoadModel out;
  EXO_TRY(out.model, name_of(in.model(), "the name of a model to load"));
  out.settings.pinned = in.pinned();
  if (in.has_context()) out.settings.context = in.context();
  if (in.has_sequences()) out.settings.sequences = in.sequences();
  if (in.has_keep_loaded_s()) out.settings.keep_loaded_s = in.keep_loaded_s();
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
