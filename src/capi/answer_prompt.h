// A request and a model's description in the forms of other rooms.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "capi/text_model.h"
#include "node/model_details.h"
#include "node/prompt.h"

namespace exogpu::capi {

inline node::Prompt prompt_of(const AnswerRequest& request) {
  if (!request.messages) return request.prompt;
  model::ChatRequest chat;
  chat.messages_json = *request.messages;
  chat.extra_json = request.variables;
  return chat;
}

inline nlohmann::ordered_json details_json(const node::ModelDetails& details) {
  return {{"name", details.name},
          {"architecture", details.architecture},
          {"file_type", details.file_type},
          {"license", details.license},
          {"parameters", details.parameters},
          {"weight_bytes", details.weight_bytes},
          {"training_context_tokens", details.context_length},
          {"width", details.width},
          {"vocabulary", details.vocabulary},
          {"embeddings", details.embeddings},
          {"embedding_width", details.embedding_width}};
}

}  // namespace exogpu::capi
