#include "cli/served_speed.h"

#include <algorithm>
#include <format>
#include <nlohmann/json.hpp>
#include <vector>

#include "api/answer_body.h"
#include "base/utf8.h"
#include "cli/output.h"
#include "cli/served_plan.h"
#include "cli/table.h"

namespace exogpu::cli {
namespace {

using BenchJson = nlohmann::ordered_json;

constexpr std::chrono::seconds kSilence{60};
constexpr std::chrono::seconds kPrediction{10};

// What serves the model: its plan, as /v1/cluster shows it.
Result<BenchJson> plan_of(const api::ApiAddress& at, const std::string& name) {
  EXO_TRY(const BenchJson model, model_in_cluster(at, name));
  if (model.is_null())
    return fail(ErrorCode::not_found, "the cluster serves no model {}; `exogpu load {}` loads it", printable(name),
                printable(name));
  if (model.value("serving", false)) return model.value("plan", BenchJson::object());
  return fail(ErrorCode::unavailable, "{} is not served now; `exogpu status` says why", printable(name));
}

// A text of so many words, none of which a cached prompt begins with: `number` is in its first.
std::string text_of(uint32_t words, uint32_t number) {
  std::string text = std::format("{}", number);
  for (uint32_t i = 1; i < words; ++i) text += std::format(" {}", (i * 7 + number) % 10);
  return text;
}

struct Samples {
  std::vector<double> first_token_s, tokens_per_s;
  uint32_t prompt_tokens = 0;  // of the last
};

Result<void> measure(const api::ApiAddress& at, const ClusterBench& options, uint32_t words, uint32_t number,
                     Samples& samples) {
  engine::GenerateOptions generate;
  generate.tokens_max = options.generate;
  generate.ignore_end = true;
  generate.sampling.temperature = 0;
  const std::string body = api::answer_body({{"model", options.model}, {"prompt", text_of(words, number)}}, generate);
  EXO_TRY(const api::AskStats stats,
          api::stream_answer(at, api::kTextPath, body, kSilence, [](std::string_view) {}, {}));
  samples.prompt_tokens = stats.prompt_tokens;
  samples.first_token_s.push_back(stats.first.count());
  const double rest_s = (stats.whole - stats.first).count();
  if (stats.answer_tokens > 1 && rest_s > 0) samples.tokens_per_s.push_back((stats.answer_tokens - 1) / rest_s);
  return {};
}

// What the planner predicts of these stages for such a text, by what the cluster knows of its devices now. Reads
// `first_token_s` and `tokens_per_s_alone`.
Result<BenchJson> predicted_for(const api::ApiAddress& at, const ClusterBench& options, const BenchJson& plan) {
  std::string layers;
  for (const BenchJson& stage : plan.value("stages", BenchJson::array())) {
    layers += std::format("{}{}/{}:{}-{}", layers.empty() ? "" : ",", stage.value("node", ""),
                          stage.value("device", ""), stage.value("layer_begin", 0U), stage.value("layer_end", 1U) - 1);
  }
  EXO_TRY(const std::string body, post_json(at, "/v1/plan",
                                            {{"model", options.model},
                                             {"layers", layers},
                                             {"prompt_tokens", options.prompt},
                                             {"context_tokens", options.prompt + options.generate / 2}},
                                            kPrediction));
  const BenchJson preview = BenchJson::parse(body, nullptr, false);
  if (!preview.is_object()) return fail(ErrorCode::corrupt, "/v1/plan returned no JSON object");
  return preview.value("plan", BenchJson::object()).value("predicted", BenchJson::object());
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Compared {
  double predicted = 0, measured = 0;
  double share() const { return predicted > 0 ? measured / predicted : 0; }
};

BenchJson json_of(const Compared& each) {
  return {{"predicted", each.predicted}, {"measured", each.measured}, {"measured_share", each.share()}};
}

void print(const ClusterBench& options, const BenchJson& plan, const Samples& samples, const Compared& tokens_per_s,
           const Compared& first_token_s) {
  if (options.json) {
    const BenchJson out = {{"model", options.model},
                           {"stages", plan.value("stages", BenchJson::array())},
                           {"prompt_tokens", samples.prompt_tokens},
                           {"repetitions", options.repetitions},
                           {"tokens_per_s", json_of(tokens_per_s)},
                           {"first_token_s", json_of(first_token_s)}};
    return println_out("{}", out.dump(2));
  }
  println_out("{} on {}; medians of {}", printable(options.model),
              stages_text(plan.value("stages", BenchJson::array())), options.repetitions);
  const auto row = [](std::string name, const Compared& each, const char* unit) {
    return std::vector<std::string>{std::move(name), std::format("{:.3g} {}", each.predicted, unit),
                                    std::format("{:.3g} {}", each.measured, unit),
                                    std::format("{:.0f} %", 100 * each.share())};
  };
  println_out("{}",
              format_table({{"", "PREDICTED", "MEASURED", "OF IT"},
                            row("tokens, one sequence alone", tokens_per_s, "t/s"),
                            row(std::format("first token after {}", samples.prompt_tokens), first_token_s, "s")}));
}

}  // namespace

Result<void> bench_in_cluster(const ClusterBench& options) {
  if (options.prompt == 0 || options.generate < 2)
    return fail(ErrorCode::invalid_argument, "--cluster needs a prompt of 1 token at least and 2 to generate");
  if (options.repetitions == 0) return fail(ErrorCode::invalid_argument, "--repetitions must be at least 1");
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  EXO_TRY(const BenchJson plan, plan_of(at, options.model));
  // Tokenizers differ in what they make of a word: the first prompt, which also warms up, shows it.
  Samples warm_up, samples;
  const uint32_t words = std::max(1U, options.prompt / 4);
  EXO_CHECK(measure(at, options, words, 999, warm_up));
  EXO_TRY(const BenchJson predicted, predicted_for(at, options, plan));
  const double tokens_per_word = std::max(1.0, static_cast<double>(warm_up.prompt_tokens) / words);
  for (uint32_t i = 0; i < options.repetitions; ++i) {
    const auto wanted = std::max(1U, static_cast<uint32_t>(options.prompt / tokens_per_word));
    EXO_CHECK(measure(at, options, wanted, 100 + i, samples));
  }
  EXO_TRY(const BenchJson after, plan_of(at, options.model));
  if (after.value("epoch", BenchJson()) != plan.value("epoch", BenchJson()))
    return fail(ErrorCode::failed_precondition, "the plan of {} changed while it was measured; measure again",
                printable(options.model));
  const Compared tokens_per_s = {.predicted = predicted.value("tokens_per_s_alone", 0.0),
                                 .measured = median(samples.tokens_per_s)};
  const Compared first_token_s = {
      .predicted = predicted.value("first_token_s", 0.0) * samples.prompt_tokens / options.prompt,
      .measured = median(samples.first_token_s)};
  print(options, plan, samples, tokens_per_s, first_token_s);
  return {};
}

}  // namespace exogpu::cli
