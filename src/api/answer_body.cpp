#include "api/answer_body.h"

#include <nlohmann/json.hpp>

namespace exogpu::api {

std::string answer_body(nlohmann::json request, const engine::GenerateOptions& options) {
  const auto& sampling = options.sampling;
  request.update({{"stream", true},
                  {"stream_options", {{"include_usage", true}}},
                  {"temperature", sampling.temperature},
                  {"top_k", sampling.top_k},
                  {"top_p", sampling.top_p},
                  {"min_p", sampling.min_p},
                  {"typical_p", sampling.typical_p},
                  {"repeat_penalty", sampling.repeat_penalty},
                  {"presence_penalty", sampling.presence_penalty},
                  {"frequency_penalty", sampling.frequency_penalty},
                  {"repeat_last_n", sampling.penalty_last_n},
                  {"seed", sampling.seed},
                  {"ignore_eos", options.ignore_end}});
  if (options.tokens_max > 0) request["max_tokens"] = options.tokens_max;
  if (!options.stops.empty()) request["stop"] = options.stops;
  for (const auto& [token, bias] : sampling.logit_bias) request["logit_bias"][std::to_string(token)] = bias;
  return request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace exogpu::api
