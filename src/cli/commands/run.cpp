// exogpu run: a chat in the terminal, or one answer for a script.
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>

#include "cli/chat/chat.h"
#include "cli/chat/interrupts.h"
#include "cli/command.h"
#include "cli/form_options.h"
#include "cli/local_model.h"
#include "cli/log_options.h"
#include "cli/output.h"
#include "cli/remote_model.h"

namespace exogpu::cli {
namespace {

struct Options {
  ModelOptions model;
  ChatSettings settings;
  std::string system;
  std::optional<std::string> prompt;
  bool raw = false;
  bool stats = false;
  bool no_thinking = false;
  bool local = false;
  std::vector<std::string> logit_bias;
  FormOptions form;
  LogOptions log;
};

// Reads "1234=-5" or "1234=-inf".
Result<void> add_bias(const std::string& text, std::map<model::TokenId, float>& bias) {
  size_t equals = text.find('=');
  try {
    if (equals == std::string::npos) throw std::invalid_argument(text);
    bias[std::stoi(text.substr(0, equals))] = std::stof(text.substr(equals + 1));
  } catch (const std::exception&) {
    return fail(ErrorCode::invalid_argument, "--logit-bias {}: write TOKEN=NUMBER, for example 1234=-5", text);
  }
  return {};
}

void print_stats(const engine::GenerateStats& s) {
  println_err("prompt {} tokens in {:.2f} s ({:.1f} t/s), answer {} tokens in {:.2f} s ({:.1f} t/s), ended by {}",
              s.prompt_tokens, s.prompt_time.count(), s.prompt_tokens / s.prompt_time.count(), s.answer_tokens,
              s.answer_time.count(), s.answer_tokens / s.answer_time.count(), engine::to_string(s.reason));
}

using AnswerTo = std::function<Result<engine::GenerateStats>(const std::function<void(std::string_view)>& print,
                                                             const std::stop_token& stop)>;

Result<void> answer_once(const AnswerTo& answer, const Options& o) {
  Interrupts interrupts;
  auto print = [&](std::string_view text) {
    write_out(text);
    if (!flush_out()) interrupts.request_stop();  // the output is gone
  };
  EXO_TRY(const engine::GenerateStats stats, answer(print, interrupts.token()));
  write_out("\n");
  EXO_CHECK(flush_out());
  if (o.stats) print_stats(stats);
  if (stats.reason == engine::FinishReason::cancelled) return fail(ErrorCode::cancelled, "stopped by Ctrl-C");
  return {};
}

// A chat, or one answer.
Result<void> converse(ChatBackend& model, const Options& o) {
  if (!o.prompt) return run_chat(model, {o.settings, o.system});
  std::vector<ChatMessage> conversation;
  if (!o.system.empty()) conversation.push_back({"system", o.system});
  conversation.push_back({"user", *o.prompt});
  return answer_once(
      [&](const auto& print, const auto& stop) { return model.answer(conversation, o.settings, print, stop); }, o);
}

// Whether the options leave it open where the model is computed, and the cluster can do the rest.
bool cluster_may_answer(const Options& o) {
  std::error_code ignored;
  return !o.local && !o.raw && !o.settings.generate.sampling.constraint && o.model.device.empty() &&
         o.model.cuts.empty() && o.model.chat_template.empty() && o.model.shard.context == 0 &&
         !std::filesystem::exists(o.model.path, ignored);
}

Result<void> run(Options o) {
  for (const std::string& bias : o.logit_bias) EXO_CHECK(add_bias(bias, o.settings.generate.sampling.logit_bias));
  if (o.no_thinking) o.settings.thinking = false;
  EXO_TRY(o.settings.generate.sampling.constraint, read_form(o.form));
  if (o.raw && !o.prompt) return fail(ErrorCode::invalid_argument, "--raw continues a text; give it with --prompt");
  EXO_CHECK(start_log(o.log, log::Level::warning));
  if (const auto remote = cluster_may_answer(o) ? RemoteModel::find(o.model.path) : nullptr) {
    return converse(*remote, o);
  }
  EXO_TRY(std::unique_ptr<LocalModel> model, LocalModel::load(o.model));
  if (!o.raw) return converse(*model, o);
  return answer_once(
      [&](const auto& print, const auto& stop) { return model->complete(*o.prompt, o.settings.generate, print, stop); },
      o);
}

void add_sampling_options(CLI::App& command, Options& o) {
  auto& s = o.settings.generate.sampling;
  const char* group = "Sampling";
  auto add = [&](const char* name, auto& value, const char* help) {
    command.add_option(name, value, help)->capture_default_str()->group(group);
  };
  add("--temperature,--temp", s.temperature, "0: always the most likely token; higher values vary more");
  add("--top-k", s.top_k, "Only the k most likely tokens; 0: all");
  add("--top-p", s.top_p, "Only the most likely tokens that together have this probability; 1: all");
  add("--min-p", s.min_p, "Only tokens with at least this fraction of the greatest probability");
  add("--typical-p", s.typical_p, "Only the most typical tokens that together have this probability; 1: all");
  add("--repeat-penalty,--repetition-penalty", s.repeat_penalty, "Above 1: earlier tokens become less likely");
  add("--presence-penalty", s.presence_penalty, "Subtracted from the logit of each token that occurred before");
  add("--frequency-penalty", s.frequency_penalty, "Subtracted for each earlier occurrence of a token");
  add("--penalty-last-n", s.penalty_last_n, "Number of latest tokens that the penalties consider");
  add("--seed", s.seed, "The same seed gives the same text");
  command.add_option("--logit-bias", o.logit_bias, "Add NUMBER to the logit of TOKEN; may be repeated")
      ->type_name("TOKEN=NUMBER")
      ->group(group);
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("run", "Chat with a model in the terminal, or answer one prompt");
  command->footer(
      "Examples:\n"
      "  exogpu run model.gguf                               a chat; /help lists its commands\n"
      "  exogpu run NAME                                     likewise; by the cluster of this machine's node, if it "
      "has it\n"
      "  exogpu run model.gguf -p \"Why is the sky blue?\"     one answer, for scripts\n"
      "  exogpu run model.gguf --json -p \"A city?\"          an answer in JSON\n"
      "  exogpu run model.gguf --raw -p \"Once upon a time\"   continues a text, without a chat template");
  add_model_options(*command, options->model);
  command
      ->add_option("--chat-template", options->model.chat_template,
                   "A file with a chat template (Jinja) to use in place of the model's own")
      ->type_name("FILE");
  command->add_option("-p,--prompt", options->prompt, "Answer this and end, instead of a chat");
  command->add_option("-s,--system,--system-prompt", options->system,
                      "The system message, which tells the model how to behave");
  command
      ->add_option("-n,--max-tokens,--tokens,--n-predict,--num-predict", options->settings.generate.tokens_max,
                   "Longest answer in tokens; 0: until the context is full")
      ->capture_default_str();
  command->add_option("--stop", options->settings.generate.stops, "End the answer at this text; may be repeated");
  command->add_flag("--local", options->local,
                    "Load the model in this process, also where a node of this machine runs whose cluster has it");
  command->add_flag("--raw", options->raw, "Continue the prompt as a text, without the model's chat template");
  command->add_flag("--no-thinking", options->no_thinking, "Ask the model to answer without thinking first");
  command->add_flag("--ignore-end", options->settings.generate.ignore_end, "Continue where the model ends its answer");
  command->add_flag("--stats", options->stats, "Print tokens and speed to standard error at the end");
  add_sampling_options(*command, *options);
  add_form_options(*command, options->form);
  add_log_options(*command, options->log, log::Level::warning);
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace exogpu::cli
