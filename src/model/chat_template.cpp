#include "model/chat_template.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "model/adapted_messages.h"
#include "model/jinja/engine.h"
#include "model/jinja/variables.h"
#include "model/mapped_file.h"

namespace exogpu::model {
namespace {

constexpr Bytes source_bytes_max = 1 * MiB;
constexpr Bytes request_bytes_max = 16 * MiB;

constexpr const char* chatml =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

// A template's variable for a token, and the metadata key of its id.
constexpr std::array<std::pair<const char*, const char*>, 6> special_tokens = {{
    {"bos_token", "tokenizer.ggml.bos_token_id"},
    {"eos_token", "tokenizer.ggml.eos_token_id"},
    {"unk_token", "tokenizer.ggml.unknown_token_id"},
    {"sep_token", "tokenizer.ggml.seperator_token_id"},
    {"pad_token", "tokenizer.ggml.padding_token_id"},
    {"mask_token", "tokenizer.ggml.mask_token_id"},
}};

struct Source {
  std::string name;  // the metadata key, for messages
  std::string text;
};

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const size_t begin = std::min(text.find_first_not_of(blanks), text.size());
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

// Cuts what the template writes behind the last message: marks that end the turn.
Result<std::string> end_with(std::string prompt, std::string_view answer) {
  const size_t at = prompt.rfind(answer);
  if (at == std::string::npos) {
    return fail(ErrorCode::invalid_argument,
                "the last message is the assistant's and cannot be continued: the chat template changes its text; "
                "end with a message of the user, or give continue_final_message: false");
  }
  prompt.resize(at + answer.size());
  return prompt;
}

void add_member(std::string& members, std::string_view name, std::string_view encoded) {
  members += ',' + jinja::encode_string(name) + ',';
  members += encoded;
}

}  // namespace

struct ChatTemplate::Impl {
  std::vector<Source> sources;  // the default, then the one for tools if there is one
  std::string token_members;    // encoded
  ChatLimits limits;
  bool is_default = false;
  std::optional<jinja::Engine> engine;  // has `sources` compiled, in order

  Result<void> take_sources(const Gguf& file) {
    const std::string name = file.path().string();
    EXO_TRY(std::string main, file.get_string_or("tokenizer.chat_template", ""));
    EXO_TRY(std::string tool_use, file.get_string_or("tokenizer.chat_template.tool_use", ""));
    is_default = main.empty() && tool_use.empty();
    if (main.empty()) main = tool_use.empty() ? chatml : tool_use;
    sources.push_back({name + ": tokenizer.chat_template", std::move(main)});
    if (!tool_use.empty()) sources.push_back({name + ": tokenizer.chat_template.tool_use", std::move(tool_use)});
    return {};
  }

  Result<void> start() {
    EXO_TRY(engine, jinja::Engine::create({.memory = limits.memory, .time = limits.time}));
    for (const Source& source : sources) {
      if (source.text.size() > source_bytes_max) {
        return fail(ErrorCode::corrupt, "{}: the chat template has {}, more than the limit of {}", source.name,
                    format_bytes(source.text.size()), format_bytes(source_bytes_max));
      }
      auto compiled = engine->compile(source.text);
      if (!compiled) return fail(compiled.error().code, "{}: {}", source.name, compiled.error().message);
    }
    return {};
  }
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<TemplateText> read_template(const std::filesystem::path& path) {
  EXO_TRY(const MappedFile file, MappedFile::open(path));
  const auto bytes = file.bytes();
  if (bytes.empty())
    return fail(ErrorCode::invalid_argument, "{}: the file is empty; it must contain a chat template", path.string());
  if (bytes.size() > source_bytes_max) {
    return fail(ErrorCode::invalid_argument, "{}: the chat template has {}, more than the limit of {}", path.string(),
                format_bytes(bytes.size()), format_bytes(source_bytes_max));
  }
  TemplateText read{.name = path.string(), .text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()}};
  EXO_CHECK(file.check());
  return read;
}

Result<ChatTemplate> ChatTemplate::load(const Gguf& file, const ChatLimits& limits,
                                        const std::optional<TemplateText>& replacement) {
  auto impl = std::make_unique<Impl>();
  impl->limits = limits;
  if (replacement) {
    impl->sources.push_back({replacement->name, replacement->text});
  } else {
    EXO_CHECK(impl->take_sources(file));
  }

  const std::vector<std::string>* tokens = file.strings("tokenizer.ggml.tokens");
  for (const auto& [token, key] : special_tokens) {
    if (!tokens || !file.find(key)) continue;
    EXO_TRY(const uint64_t id, file.get_uint(key));
    // Some converters write such ids; the template finds the token undefined.
    if (id >= tokens->size()) continue;
    add_member(impl->token_members, token, jinja::encode_string((*tokens)[id]));
  }
  EXO_CHECK(impl->start());
  return ChatTemplate(std::move(impl));
}

Result<ChatTemplate> ChatTemplate::parse(std::string source, std::string_view bos_token, std::string_view eos_token,
                                         const ChatLimits& limits) {
  auto impl = std::make_unique<Impl>();
  impl->limits = limits;
  impl->sources.push_back({"chat template", std::move(source)});
  add_member(impl->token_members, "bos_token", jinja::encode_string(bos_token));
  add_member(impl->token_members, "eos_token", jinja::encode_string(eos_token));
  EXO_CHECK(impl->start());
  return ChatTemplate(std::move(impl));
}

bool ChatTemplate::is_default() const { return impl_->is_default; }

std::string ChatTemplate::source() const {
  std::string all;
  for (const Source& source : impl_->sources) all += source.text + '\n';
  return all;
}

Result<std::string> ChatTemplate::render(const ChatRequest& request, const Protect& protect) {
  const Bytes size = request.messages_json.size() + request.tools_json.size() + request.extra_json.size();
  if (size > request_bytes_max) {
    return fail(ErrorCode::invalid_argument, "the conversation has {}, more than the limit of {}", format_bytes(size),
                format_bytes(request_bytes_max));
  }
  EXO_TRY(const std::string messages, jinja::encode_messages(request.messages_json, protect));
  std::string tools = "null";
  if (!request.tools_json.empty()) {
    EXO_TRY(tools, jinja::encode_array("tools", request.tools_json, protect));
    if (tools == "[\"a\"]") tools = "null";
  }
  std::string variables = "[\"o\"" + impl_->token_members;
  add_member(variables, "messages", messages);
  add_member(variables, "tools", tools);
  add_member(variables, "documents", "null");
  const std::string begun = protect ? protect(request.answer_so_far, true) : request.answer_so_far;
  const std::string_view answer = without_blanks(begun);
  add_member(variables, "add_generation_prompt", request.add_generation_prompt && answer.empty() ? "true" : "false");
  if (!request.extra_json.empty()) {
    EXO_TRY(const std::string extra, jinja::encode_members("template variables", request.extra_json));
    variables += extra;
  }
  variables += ']';

  if (!impl_->engine) EXO_CHECK(impl_->start());
  const size_t number = tools == "null" ? 0 : impl_->sources.size() - 1;
  auto prompt = impl_->engine->render(number, variables, request.now.value_or(std::chrono::system_clock::now()));
  if (!prompt && prompt.error().code == ErrorCode::resource_exhausted) impl_->engine.reset();
  if (!prompt || answer.empty()) return prompt;
  return end_with(*std::move(prompt), answer);
}

Result<std::string> ChatTemplate::render_adapted(const ChatRequest& request, const Protect& protect) {
  auto first = render(request, protect);
  if (first || first.error().code != ErrorCode::invalid_argument) return first;
  for (std::string& form : adapted_messages(request.messages_json)) {
    ChatRequest adapted = request;
    adapted.messages_json = std::move(form);
    auto rendered = render(adapted, protect);
    if (rendered || rendered.error().code != ErrorCode::invalid_argument) return rendered;
  }
  return first;
}

}  // namespace exogpu::model
