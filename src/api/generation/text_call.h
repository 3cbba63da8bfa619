// A request for text as the server runs it, by whatever surface it came.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/generation/answer_writer.h"
#include "api/generation/sampling_fields.h"
#include "api/json/json_body.h"
#include "node/service.h"

namespace exogpu::api {

// What the server knows when it begins to answer.
struct AnswerStart {
  uint64_t id = 0;         // random; for the ids that a surface gives to its answers and calls
  int64_t created = 0;     // Unix time in seconds
  std::string model = {};  // as the request named it, or the default
};

struct TextCall {
  // One per prompt; only the prompts differ. `model` is empty if the request names none.
  std::vector<node::GenerationRequest> generations;
  // Instead of generations: other work of the node, which reports as one answer does.
  std::function<void(node::Service& service, std::shared_ptr<node::GenerationListener> listener,
                     std::stop_token cancel)>
      work{};
  bool stream = false;
  std::optional<std::chrono::milliseconds> linger{};  // see ServerOptions::linger
  std::function<std::unique_ptr<AnswerWriter>(const AnswerStart& start)> writer;
};

struct CallLimits {
  JsonLimits json;
  uint32_t answers_max = 32;
  bool truncate = false;  // conversations that are longer than the context, see read_truncation()
  const std::map<std::string, SamplingDefaults>* sampling = nullptr;  // of models, by name; borrowed
};

}  // namespace exogpu::api
