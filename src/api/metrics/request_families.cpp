#include "api/metrics/families.h"

namespace exogpu::api {
namespace {

template <typename Value>
void each_counted(PrometheusText& out, const node::NodeMetrics& node, std::string_view name, std::string_view type,
                  std::string_view help, Value value_of) {
  out.begin(name, type, help);
  for (const auto& [model, counts] : node.requests) out.add(static_cast<double>(value_of(counts)), {{"model", model}});
}

}  // namespace

void add_requests(PrometheusText& out, const node::NodeMetrics& node) {
  using Counts = node::RequestCounts;
  each_counted(out, node, "exogpu_requests_total", "counter", "Requests of this node's clients.",
               [](const Counts& c) { return c.requests; });
  each_counted(out, node, "exogpu_requests_open", "gauge", "Requests of this node's clients that have not ended.",
               [](const Counts& c) { return c.open; });
  each_counted(out, node, "exogpu_prompt_tokens_total", "counter", "Tokens of prompts whose answer has ended.",
               [](const Counts& c) { return c.prompt_tokens; });
  each_counted(out, node, "exogpu_prompt_tokens_cached_total", "counter", "Of these, tokens that the KV cache had.",
               [](const Counts& c) { return c.prompt_tokens_reused; });
  each_counted(out, node, "exogpu_answer_tokens_total", "counter", "Tokens of answers that have ended.",
               [](const Counts& c) { return c.answer_tokens; });
  out.begin("exogpu_answers_total", "counter", "Answers by the reason of their end, or the code of the error.");
  for (const auto& [model, counts] : node.requests) {
    for (const auto& [reason, count] : counts.ends) {
      out.add(static_cast<double>(count), {{"model", model}, {"reason", reason}});
    }
  }
  out.begin("exogpu_request_first_token_seconds", "histogram", "From the request to the first text of an answer.");
  for (const auto& [model, counts] : node.requests) {
    out.add_histogram(counts.first_token.bounds, counts.first_token.counts, counts.first_token.sum_s,
                      {{"model", model}});
  }
  out.begin("exogpu_request_token_interval_seconds", "histogram", "Between two pieces of an answer's text.");
  for (const auto& [model, counts] : node.requests) {
    out.add_histogram(counts.between_tokens.bounds, counts.between_tokens.counts, counts.between_tokens.sum_s,
                      {{"model", model}});
  }
  out.begin("exogpu_answers_verified_total", "counter",
            "Answers of rings that begin here that were computed once more, by whether the results differed.");
  const node::VerificationCounts& verification = node.verification;
  out.add(static_cast<double>(verification.verified - verification.differed), {{"result", "same"}});
  out.add(static_cast<double>(verification.differed), {{"result", "different"}});
  out.add(static_cast<double>(verification.skipped), {{"result", "skipped"}});
}

}  // namespace exogpu::api
