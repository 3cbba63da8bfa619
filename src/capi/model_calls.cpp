// exogpu_model_*: opening models, and what they say about texts.
#include <algorithm>

#include "capi/context.h"
#include "capi/error.h"
#include "capi/file_model.h"
#include "capi/model_object.h"
#include "capi/structs.h"
#include "capi/ticket.h"

namespace exogpu::capi {
namespace {

Result<FileModelOptions> file_model_options(const char* path, const exogpu_model_options* given) {
  EXO_CHECK(need(path, "path"));
  FileModelOptions options;
  options.path = path;
  if (given == nullptr) return options;
  EXO_TRY(const auto read, read_struct(given, exogpu_model_options{}, "exogpu_model_options"));
  options.device = or_empty(read.device);
  options.context = read.context_tokens;
  options.threads = read.threads;
  options.batch = read.batch_tokens;
  if (read.chat_template != nullptr) options.chat_template = read.chat_template;
  return options;
}

Result<uint64_t> open_model(ContextNumber context, const std::shared_ptr<Core>& core, const FileModelOptions& options,
                            const std::stop_token& stop) {
  EXO_TRY(std::shared_ptr<TextModel> model, FileModel::load(core, options, stop));
  return handles().add(context, std::make_shared<ModelObject>(std::move(model)));
}

// Writes what fits, and how much there is.
template <typename T>
Result<void> write_list(const std::vector<T>& from, T* to, size_t capacity, size_t* count) {
  std::copy_n(from.begin(), std::min(capacity, from.size()), to);
  *count = from.size();
  return {};
}

Result<std::string_view> text_of(const char* text, size_t length) {
  if (length > 0) EXO_CHECK(need(text, "text"));
  return std::string_view(text, length);
}

Result<void> check_list(const void* to, size_t capacity, const size_t* count) {
  EXO_CHECK(need(count, "count"));
  return capacity > 0 ? need(to, "the place for the result") : Result<void>();
}

}  // namespace
}  // namespace exogpu::capi

using namespace exogpu;
using namespace exogpu::capi;

extern "C" {

exogpu_code exogpu_model_open(exogpu_context context, const char* path, const exogpu_model_options* options,
                              exogpu_model* model) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(model, "model"));
    EXO_TRY(const auto object, handles().find<ContextObject>(context.id));
    EXO_TRY(const FileModelOptions read, file_model_options(path, options));
    EXO_TRY(model->id, open_model(context_of(context.id), object->core(), read, {}));
    return {};
  });
}

exogpu_code exogpu_model_open_async(exogpu_context context, const char* path, const exogpu_model_options* options,
                                    exogpu_ticket* ticket) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<ContextObject>(context.id));
    EXO_TRY(FileModelOptions read, file_model_options(path, options));
    const ContextNumber number = context_of(context.id);
    return begin(
        number, object->queue(),
        [number, core = object->core(), read = std::move(read)](const std::stop_token& stop) {
          return open_model(number, core, read, stop);
        },
        ticket);
  });
}

exogpu_code exogpu_model_close(exogpu_model model) {
  return call([&]() -> Result<void> {
    EXO_CHECK(refuse_in_callback("exogpu_model_close"));
    EXO_TRY(const auto object, handles().take<ModelObject>(model.id));
    object->cancel();
    object->shut_down();
    return {};
  });
}

exogpu_code exogpu_model_json(exogpu_model model, char** json) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(json, "json"));
    EXO_TRY(const auto object, handles().find<ModelObject>(model.id));
    EXO_TRY(const std::string text, object->model().json());
    EXO_TRY(*json, text_for_caller(text));
    return {};
  });
}

exogpu_code exogpu_model_tokenize(exogpu_model model, const char* text, size_t length, uint32_t flags, int32_t* tokens,
                                  size_t capacity, size_t* count) {
  return call([&]() -> Result<void> {
    EXO_CHECK(check_list(tokens, capacity, count));
    EXO_TRY(const std::string_view all, text_of(text, length));
    EXO_TRY(const auto object, handles().find<ModelObject>(model.id));
    const model::EncodeOptions options{.add_special = (flags & EXOGPU_TOKENIZE_ADD_SPECIAL) != 0,
                                       .parse_special = (flags & EXOGPU_TOKENIZE_PARSE_SPECIAL) != 0};
    EXO_TRY(const auto found, object->model().tokenize(all, options));
    return write_list(found, tokens, capacity, count);
  });
}

exogpu_code exogpu_model_detokenize(exogpu_model model, const int32_t* tokens, size_t count, char** text,
                                    size_t* length) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(text, "text"));
    if (count > 0) EXO_CHECK(need(tokens, "tokens"));
    EXO_TRY(const auto object, handles().find<ModelObject>(model.id));
    EXO_TRY(const std::string found, object->model().detokenize({tokens, count}));
    EXO_TRY(*text, text_for_caller(found));
    if (length != nullptr) *length = found.size();
    return {};
  });
}

exogpu_code exogpu_model_template(exogpu_model model, const char* messages, char** text) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(messages, "messages"));
    EXO_CHECK(need(text, "text"));
    EXO_TRY(const auto object, handles().find<ModelObject>(model.id));
    EXO_TRY(const std::string found, object->model().render(messages));
    EXO_TRY(*text, text_for_caller(found));
    return {};
  });
}

exogpu_code exogpu_model_embed(exogpu_model model, const char* text, size_t length, float* values, size_t capacity,
                               size_t* count) {
  return call([&]() -> Result<void> {
    EXO_CHECK(check_list(values, capacity, count));
    EXO_TRY(const std::string_view all, text_of(text, length));
    EXO_TRY(const auto object, handles().find<ModelObject>(model.id));
    EXO_TRY(const auto found, object->model().embed(all));
    return write_list(found, values, capacity, count);
  });
}
}
