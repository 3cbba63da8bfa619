// The chat template of a model: renders messages and tools to one prompt. Runs the file's own Jinja.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/units.h"
#include "model/gguf.h"

namespace exogpu::model {

// Limits beyond which a template is stopped.
struct ChatLimits {
  Bytes memory = 64 * MiB;                 // initially; grows in proportion to the conversation
  std::chrono::milliseconds time{10'000};  // for one render
};

struct ChatRequest {
  std::string messages_json;  // OpenAI-style array of messages
  std::string tools_json;     // OpenAI-style array of tools, or empty; an empty array is no tools
  bool add_generation_prompt = true;
  // The text of the last message, if the prompt must end with it so that the model continues it; then
  // add_generation_prompt is off. Empty: a new turn.
  std::string answer_so_far{};
  // Of the answer; the template does not see them.
  uint32_t calls_max = UINT32_MAX;  // tool calls
  bool must_call = false;           // at least one tool call, and no text; of the tool `must_call_name` if it is named
  std::string must_call_name{};
  std::string extra_json;  // a JSON object of further variables, or empty: {"enable_thinking": false}
  // The result of a template's strftime_now, in local time; the time of the call if empty.
  std::optional<std::chrono::system_clock::time_point> now;
};

// A template to use instead of the one in the model's file.
struct TemplateText {
  std::string name;  // its origin, for error messages
  std::string text;
};

// Errors: not_found, permission_denied, invalid_argument (not a regular file, empty, or too large for a template).
Result<TemplateText> read_template(const std::filesystem::path& path);

// One thread at a time; create one per thread.
class ChatTemplate {
 public:
  // The template of tokenizer.chat_template, with bos_token, eos_token and the like from the vocabulary. If the file
  // has a template named tool_use, it is used when tools are given. A file without a template gets ChatML. With
  // `replacement`, the file's templates are not used.
  // Errors: corrupt (the template does not parse; with the position), resource_exhausted.
  static Result<ChatTemplate> load(const Gguf& file, const ChatLimits& limits = {},
                                   const std::optional<TemplateText>& replacement = std::nullopt);
  static Result<ChatTemplate> parse(std::string source, std::string_view bos_token, std::string_view eos_token,
                                    const ChatLimits& limits = {});

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // Whether this is ChatML because the file has no template.
  bool is_default() const;

  // The texts of the file's templates, one after another.
  std::string source() const;

  // Renders like apply_chat_template of Hugging Face's transformers. A tool call's arguments may be an object or its
  // JSON text; the template can use either.
  // Errors: invalid_argument (invalid JSON; the template called raise_exception, whose text is in the message; or the
  // template changes `answer_so_far`), resource_exhausted (too much time or memory; the next render starts with a new
  // engine).
  // `protect` changes each text of the messages and tools first; the prompt has the changed ones.
  using Protect = std::function<std::string(std::string_view text, bool by_assistant)>;
  Result<std::string> render(const ChatRequest& request, const Protect& protect = {});

  // Likewise; if the template refuses the messages, the first of their other forms (adapted_messages.h) that it
  // renders. If it renders none, the error is the first one.
  Result<std::string> render_adapted(const ChatRequest& request, const Protect& protect = {});

  struct Impl;

 private:
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::model
