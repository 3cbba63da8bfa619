#include "model/jinja/engine.h"

#include <array>
#include <ctime>
#include <vector>

#include "model/jinja/heap.h"
#include "model/jinja/script.h"

namespace exogpu::model::jinja {
namespace {

using SteadyClock = std::chrono::steady_clock;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"  // the macro is a C compound literal
const JSValue undefined = JS_UNDEFINED;
#pragma GCC diagnostic pop

// Bytes of engine memory per byte of variables: a value of two characters becomes an object of about 100 bytes, and a
// text is copied several times.
constexpr Bytes memory_per_input_byte = 64;

constexpr size_t date_format_max = 256;  // bytes; longer than any useful date format

// A string owned by the engine.
struct Text {
  const char* data = nullptr;
  size_t length = 0;

  static Text of(JSContext* context, JSValueConst value) {
    Text text;
    text.data = JS_ToCStringLen(context, &text.length, value);
    return text;
  }
  std::string_view view() const { return data ? std::string_view(data, length) : std::string_view(); }
};

// The result of a call: a value, or name and message of an exception.
struct Outcome {
  bool threw = false;
  JSValue value = undefined;
  Text name;
  Text message;
};

std::tm local_time(std::time_t time) {
  std::tm parts{};
#ifdef _WIN32
  localtime_s(&parts, &time);
#else
  localtime_r(&time, &parts);
#endif
  return parts;
}

}  // namespace

// JSValues are plain handles into the heap. Those that live as long as the engine are freed only with the heap.
struct Engine::Impl {
  EngineLimits limits;
  SteadyClock::time_point deadline;
  bool out_of_time = false;
  Engine::Clock::time_point now;
  Heap heap;
  JSRuntime* runtime = nullptr;
  JSContext* context = nullptr;
  JSValue compile_function = undefined;
  JSValue render_function = undefined;
  std::vector<JSValue> programs;

  static int interrupt(JSRuntime*, void* self) {
    Impl& impl = *static_cast<Impl*>(self);
    if (SteadyClock::now() >= impl.deadline) impl.out_of_time = true;
    return impl.out_of_time;
  }

  // Runs inside run(), so it must not have locals with destructors.
  static JSValue strftime(JSContext* context, JSValueConst, int count, JSValueConst* arguments) {
    const Impl& impl = *static_cast<Impl*>(JS_GetContextOpaque(context));
    const Text format = Text::of(context, count > 0 ? arguments[0] : undefined);
    if (format.length > date_format_max) {
      return JS_ThrowTypeError(context, "strftime_now() takes a date format of at most %d bytes",
                               static_cast<int>(date_format_max));
    }
    // The final character distinguishes an empty date from a full buffer. A conversion makes at most 50 bytes of two.
    std::array<char, date_format_max + 2> terminated{};
    format.view().copy(terminated.data(), date_format_max);
    terminated[format.view().size()] = '$';
    std::array<char, date_format_max * 25 + 2> text;
    const std::tm parts = local_time(Engine::Clock::to_time_t(impl.now));
    const size_t length = std::strftime(text.data(), text.size(), terminated.data(), &parts);
    JS_FreeCString(context, format.data);
    return JS_NewStringLen(context, text.data(), length > 0 ? length - 1 : 0);
  }

  void begin_call(Bytes input_bytes) {
    out_of_time = false;
    deadline = SteadyClock::now() + limits.time;
    heap.set_limit(limits.memory + input_bytes * memory_per_input_byte);
    if (runtime) JS_UpdateStackTop(runtime);
  }

  // Inside run().
  Outcome outcome_of(JSValue value) {
    if (!JS_IsException(value)) return {.value = value, .name = {}, .message = {}};
    const JSValue exception = JS_GetException(context);
    const JSValue name = JS_GetPropertyStr(context, exception, "name");
    const JSValue message = JS_GetPropertyStr(context, exception, "message");
    Outcome outcome{.threw = true, .name = Text::of(context, name), .message = Text::of(context, message)};
    JS_FreeValue(context, name);
    JS_FreeValue(context, message);
    JS_FreeValue(context, exception);
    return outcome;
  }

  std::unexpected<Error> out_of_memory() const {
    return fail(ErrorCode::resource_exhausted, "the chat template needs more than its limit of {} of memory",
                format_bytes(limits.memory));
  }

  // The error for an exception; `code` is for those that the script itself throws.
  std::unexpected<Error> error_of(const Outcome& outcome, ErrorCode code) {
    const std::string kind(outcome.name.view());
    const std::string words(outcome.message.view());
    JS_FreeCString(context, outcome.name.data);
    JS_FreeCString(context, outcome.message.data);
    if (out_of_time) {
      return fail(ErrorCode::resource_exhausted, "the chat template was stopped after {} ms; it may never end",
                  limits.time.count());
    }
    if (kind == "InternalError" && words == "stack overflow") {
      return fail(ErrorCode::resource_exhausted, "the chat template is nested too deeply");
    }
    // RangeError: a string or list longer than the engine allows.
    if (kind == "InternalError" || kind == "LimitError" || kind == "RangeError") {
      return fail(ErrorCode::resource_exhausted, "the chat template exceeds a limit: {}", words);
    }
    if (kind == "TemplateError") return fail(code, "the chat template refuses this conversation: {}", words);
    if (code == ErrorCode::corrupt) return fail(code, "the chat template does not parse: {}", words);
    return fail(code, "the chat template fails on this conversation: {}", words);
  }

  // Inside run().
  Outcome open_script() {
    runtime = heap.new_runtime();
    JS_SetMaxStackSize(runtime, limits.stack);
    JS_SetInterruptHandler(runtime, &interrupt, this);
    context = JS_NewContextRaw(runtime);
    JS_SetContextOpaque(context, this);
    JS_AddIntrinsicBaseObjects(context);
    JS_AddIntrinsicEval(context);
    JS_AddIntrinsicRegExpCompiler(context);
    JS_AddIntrinsicRegExp(context);
    JS_AddIntrinsicJSON(context);
    JS_AddIntrinsicProxy(context);
    JS_AddIntrinsicMapSet(context);

    const std::string_view code = script();
    const JSValue opener = JS_Eval(context, code.data(), code.size(), "jinja", JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(opener)) return outcome_of(opener);
    JSValue host = JS_NewObject(context);
    JS_SetPropertyStr(context, host, "strftime", JS_NewCFunction(context, &strftime, "strftime", 1));
    const JSValue functions = JS_Call(context, opener, undefined, 1, &host);
    if (JS_IsException(functions)) return outcome_of(functions);
    compile_function = JS_GetPropertyStr(context, functions, "compile");
    render_function = JS_GetPropertyStr(context, functions, "render");
    return {};
  }
};

Result<Engine> Engine::create(const EngineLimits& limits) {
  auto impl = std::make_unique<Impl>();
  impl->limits = limits;
  impl->begin_call(0);
  Outcome outcome;
  if (!impl->heap.run([&] { outcome = impl->open_script(); })) return impl->out_of_memory();
  if (outcome.threw) return impl->error_of(outcome, ErrorCode::internal);
  return Engine(std::move(impl));
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<size_t> Engine::compile(std::string_view source) {
  Impl& impl = *impl_;
  JSContext* js = impl.context;
  impl.begin_call(source.size());
  Outcome outcome;
  const bool fits = impl.heap.run([&] {
    JSValue text = JS_NewStringLen(js, source.data(), source.size());
    outcome = impl.outcome_of(JS_Call(js, impl.compile_function, undefined, 1, &text));
    JS_FreeValue(js, text);
  });
  if (!fits) return impl.out_of_memory();
  if (outcome.threw) return impl.error_of(outcome, ErrorCode::corrupt);
  impl.programs.push_back(outcome.value);
  return impl.programs.size() - 1;
}

Result<std::string> Engine::render(size_t number, std::string_view variables, Clock::time_point now) {
  Impl& impl = *impl_;
  JSContext* js = impl.context;
  impl.begin_call(variables.size());
  impl.now = now;
  Outcome outcome;
  Text prompt;
  const bool fits = impl.heap.run([&] {
    JSValue arguments[] = {impl.programs[number], JS_NewStringLen(js, variables.data(), variables.size())};
    outcome = impl.outcome_of(JS_Call(js, impl.render_function, undefined, 2, arguments));
    if (!outcome.threw) prompt = Text::of(js, outcome.value);
    JS_FreeValue(js, outcome.value);
    JS_FreeValue(js, arguments[1]);
  });
  if (!fits) return impl.out_of_memory();
  if (outcome.threw) return impl.error_of(outcome, ErrorCode::invalid_argument);
  std::string rendered(prompt.view());
  JS_FreeCString(js, prompt.data);
  return rendered;
}

}  // namespace exogpu::model::jinja
