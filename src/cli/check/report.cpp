#include "cli/check/report.h"

#include <cmath>
#include <format>
#include <nlohmann/json.hpp>

#include "base/units.h"

namespace exogpu::cli {

std::string as_text(const CheckReport& r) {
  std::string text = std::format("{}: {} tokens by {}, against {} alone\n", r.model, r.tokens, r.plan, r.reference);
  for (const engine::ConvertedWeights& of : r.converted)
    text += std::format("holds {} tensors of {} as {} ({}): {}\n", of.tensors, of.type, of.held_as,
                        format_bytes(of.bytes), of.how);
  text += std::format("top-1 agreement   {:.2f} % ({} of {} tokens)\n", 100 * r.agreement.share(),
                      r.agreement.same_likeliest, r.agreement.positions);
  text += std::format("KL divergence     {}{:.3g} nats in the mean, {:.3g} at most at one token\n",
                      r.at_least ? "at least " : "", r.agreement.kl_mean(), r.agreement.kl_most);
  text +=
      std::format("perplexity        {:.4g} against {:.4g}\n", std::exp(r.loss_of_plan), std::exp(r.loss_of_reference));
  if (r.at_least)
    text +=
        "The cluster tells the 20 likeliest tokens of each position; all others count as one, so that the divergence "
        "is a lower bound.\n";
  return text;
}

std::string as_json(const CheckReport& r) {
  nlohmann::ordered_json converted = nlohmann::ordered_json::array();
  for (const engine::ConvertedWeights& of : r.converted)
    converted.push_back(
        {{"type", of.type}, {"held_as", of.held_as}, {"error", of.how}, {"tensors", of.tensors}, {"bytes", of.bytes}});
  const nlohmann::ordered_json json = {{"model", r.model},
                                       {"plan", r.plan},
                                       {"reference", r.reference},
                                       {"tokens", r.tokens},
                                       {"positions", r.agreement.positions},
                                       {"same_likeliest", r.agreement.same_likeliest},
                                       {"top1_agreement", r.agreement.share()},
                                       {"kl_mean", r.agreement.kl_mean()},
                                       {"kl_most", r.agreement.kl_most},
                                       {"kl_is_lower_bound", r.at_least},
                                       {"perplexity", std::exp(r.loss_of_plan)},
                                       {"perplexity_of_reference", std::exp(r.loss_of_reference)},
                                       {"converted", std::move(converted)}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace exogpu::cli
