// exogpu_model_generate() and exogpu_generation_*.
#include <algorithm>
#include <cstring>

#include "capi/error.h"
#include "capi/generation.h"
#include "capi/model_object.h"
#include "capi/structs.h"

namespace exogpu::capi {
namespace {

exogpu_generate_options default_options() {
  const wire::SamplerSettings sampling;
  exogpu_generate_options options{};
  options.struct_size = sizeof options;
  options.temperature = sampling.temperature;
  options.top_k = sampling.top_k;
  options.top_p = sampling.top_p;
  options.min_p = sampling.min_p;
  options.repeat_penalty = sampling.repeat_penalty;
  options.presence_penalty = sampling.presence_penalty;
  options.frequency_penalty = sampling.frequency_penalty;
  options.seed = sampling.seed;
  return options;
}

wire::SamplerSettings sampling_of(const exogpu_generate_options& from) {
  wire::SamplerSettings sampling;
  sampling.temperature = from.temperature;
  sampling.top_k = from.top_k;
  sampling.top_p = from.top_p;
  sampling.min_p = from.min_p;
  sampling.repeat_penalty = from.repeat_penalty;
  sampling.presence_penalty = from.presence_penalty;
  sampling.frequency_penalty = from.frequency_penalty;
  sampling.seed = from.seed;
  return sampling;
}

Result<AnswerRequest> request_of(const exogpu_generate_options& from) {
  if ((from.messages == nullptr) == (from.prompt == nullptr)) {
    return fail(ErrorCode::invalid_argument,
                "exogpu_generate_options: give either `messages` or `prompt`, and leave the other null");
  }
  if (from.stop_count > 0) EXO_CHECK(need(from.stops, "stops"));
  AnswerRequest request;
  if (from.messages != nullptr) request.messages = from.messages;
  request.prompt = or_empty(from.prompt);
  request.variables = or_empty(from.variables);
  request.options.sampling = sampling_of(from);
  request.options.tokens_max = from.max_tokens;
  request.options.ignore_end = from.ignore_end != 0;
  for (size_t i = 0; i < from.stop_count; ++i) {
    EXO_CHECK(need(from.stops[i], "one of `stops`"));
    request.options.stops.emplace_back(from.stops[i]);
  }
  return request;
}

uint32_t finish_of(engine::FinishReason reason) {
  switch (reason) {
    case engine::FinishReason::end_of_text: return EXOGPU_FINISH_END;
    case engine::FinishReason::stop_string: return EXOGPU_FINISH_STOP;
    case engine::FinishReason::length: return EXOGPU_FINISH_LENGTH;
    case engine::FinishReason::context_full: return EXOGPU_FINISH_CONTEXT;
    case engine::FinishReason::cancelled: return EXOGPU_FINISH_CANCELLED;
  }
  return EXOGPU_FINISH_END;
}

}  // namespace
}  // namespace exogpu::capi

using namespace exogpu;
using namespace exogpu::capi;

extern "C" {

void exogpu_generate_options_init(exogpu_generate_options* options, size_t struct_size) {
  if (options == nullptr) return;
  std::memset(options, 0, struct_size);
  exogpu_generate_options defaults = default_options();
  defaults.struct_size = struct_size;
  std::memcpy(options, &defaults, std::min(struct_size, sizeof defaults));
}

exogpu_code exogpu_model_generate(exogpu_model model, const exogpu_generate_options* options,
                                  exogpu_generation* generation) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(generation, "generation"));
    EXO_TRY(const auto object, handles().find<ModelObject>(model.id));
    EXO_TRY(const auto read, read_struct(options, default_options(), "exogpu_generate_options"));
    EXO_TRY(AnswerRequest request, request_of(read));
    EXO_TRY(const auto begun, object->begin(std::move(request), read.on_piece, read.user));
    auto handle = handles().add(context_of(model.id), begun);
    if (!handle) {
      begun->cancel();
      begun->shut_down();
      return std::unexpected(std::move(handle).error());
    }
    generation->id = *handle;
    return {};
  });
}

exogpu_code exogpu_generation_next(exogpu_generation generation, int64_t timeout_ms, exogpu_piece* piece) {
  return call([&]() -> Result<void> {
    EXO_CHECK(refuse_in_callback("exogpu_generation_next"));
    EXO_TRY(const size_t size, size_of(piece, "exogpu_piece"));
    EXO_TRY(const auto object, handles().find<Generation>(generation.id));
    exogpu_piece next{};
    const auto result = object->next(timeout_ms, next);
    next.struct_size = size;
    std::memcpy(piece, &next, std::min(size, sizeof next));
    return result;
  });
}

exogpu_code exogpu_generation_fd(exogpu_generation generation, int32_t* fd) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(fd, "fd"));
    EXO_TRY(const auto object, handles().find<Generation>(generation.id));
    EXO_TRY(*fd, object->fd());
    return {};
  });
}

exogpu_code exogpu_generation_cancel(exogpu_generation generation) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<Generation>(generation.id));
    object->cancel();
    return {};
  });
}

exogpu_code exogpu_generation_stats_of(exogpu_generation generation, exogpu_generation_stats* stats) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<Generation>(generation.id));
    EXO_TRY(const engine::GenerateStats found, object->stats());
    return write_struct(stats,
                        exogpu_generation_stats{.struct_size = 0,
                                                .finish = finish_of(found.reason),
                                                .prompt_tokens = found.prompt_tokens,
                                                .prompt_reused = found.prompt_reused,
                                                .answer_tokens = found.answer_tokens,
                                                .prompt_s = found.prompt_time.count(),
                                                .answer_s = found.answer_time.count()},
                        "exogpu_generation_stats");
  });
}

exogpu_code exogpu_generation_free(exogpu_generation generation) {
  return call([&]() -> Result<void> {
    EXO_CHECK(refuse_in_callback("exogpu_generation_free"));
    EXO_TRY(const auto object, handles().take<Generation>(generation.id));
    object->cancel();
    object->shut_down();
    return {};
  });
}
}
