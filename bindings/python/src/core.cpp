// exogpu._core: the calls of exogpu.h for Python. Handles are integers, errors are exceptions of exogpu.ExogpuError,
// and no call holds the interpreter's lock while it waits. The package's own classes are the interface for people.
#include <exogpu/exogpu.h>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace nb = nanobind;

namespace {

using Handle = uint64_t;
using Text = std::optional<std::string>;

// A failed call, on its way to Python through code that does not hold the interpreter's lock.
struct Failure {
  exogpu_code code;
  std::string message;
};

void check(exogpu_code code) {
  if (code != EXOGPU_OK) throw Failure{code, exogpu_last_error()};
}

void raise(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Failure& failure) {
    const nb::object type = nb::module_::import_("exogpu._errors").attr("ExogpuError");
    const nb::object error =
        type(nb::str(exogpu_code_name(failure.code)),
             nb::steal<nb::str>(PyUnicode_DecodeUTF8(failure.message.data(),
                                                     static_cast<Py_ssize_t>(failure.message.size()), "replace")));
    PyErr_SetObject(type.ptr(), error.ptr());
  }
}

const char* or_null(const Text& text) { return text ? text->c_str() : nullptr; }

std::string take(char* text, size_t length) {
  std::string copy(text, length);
  exogpu_free(text);
  return copy;
}

// The result of a call that returns a text.
template <typename Call>
std::string text_of(Call call) {
  char* text = nullptr;
  check(call(&text));
  return take(text, std::char_traits<char>::length(text));
}

// Bytes of a Python object, for as long as this lives.
class Bytes {
 public:
  Bytes(const nb::object& object, bool writable) {
    if (PyObject_GetBuffer(object.ptr(), &view_, writable ? PyBUF_CONTIG : PyBUF_CONTIG_RO) != 0)
      throw nb::python_error();
  }
  ~Bytes() { PyBuffer_Release(&view_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  void* data() const { return view_.buf; }
  uint64_t size() const { return static_cast<uint64_t>(view_.len); }

 private:
  Py_buffer view_;
};

// --- contexts and devices

Handle context_open(const Text& backend, bool software, bool cpu_only, const Text& program, const Text& backends) {
  exogpu_context_options options{};
  options.struct_size = sizeof options;
  options.backend = or_null(backend);
  options.software = software ? 1 : 0;
  options.cpu_only = cpu_only ? 1 : 0;
  options.program = or_null(program);
  options.backends = or_null(backends);
  exogpu_context context{};
  check(exogpu_context_open(&options, &context));
  return context.id;
}

void context_close(Handle context) { check(exogpu_context_close({context})); }

std::vector<Handle> device_list(Handle context) {
  size_t count = 0;
  check(exogpu_device_list({context}, nullptr, 0, &count));
  std::vector<exogpu_device> devices(count);
  check(exogpu_device_list({context}, devices.data(), count, &count));
  std::vector<Handle> handles;
  for (const exogpu_device& device : devices) handles.push_back(device.id);
  return handles;
}

Handle device_find(Handle context, const std::string& id) {
  exogpu_device device{};
  check(exogpu_device_find({context}, id.c_str(), &device));
  return device.id;
}

// What device_json() does not say: whether it has a queue of its own for copies.
bool device_asynchronous(Handle device) {
  exogpu_device_info info{};
  info.struct_size = sizeof info;
  check(exogpu_device_describe({device}, &info));
  return info.asynchronous != 0;
}

std::string device_json(Handle device) {
  return text_of([&](char** text) { return exogpu_device_json({device}, text); });
}

std::tuple<uint64_t, uint64_t, uint64_t, uint64_t> device_memory(Handle device) {
  exogpu_memory_info info{};
  info.struct_size = sizeof info;
  check(exogpu_device_memory({device}, &info));
  return {info.total_bytes, info.free_bytes, info.allocated_bytes, info.buffers};
}

std::tuple<double, double, double, double, double, double, int> device_sensors(Handle device) {
  exogpu_readings r{};
  r.struct_size = sizeof r;
  check(exogpu_device_read_sensors({device}, &r));
  return {r.utilization,       r.temperature_c, r.temperature_limit_c, r.power_w, r.clock_share,
          r.memory_used_bytes, r.throttled};
}

// NaN: not known.
double device_suitability(double utilization, double temperature_c, double memory_used_bytes,
                          uint64_t memory_total_bytes) {
  exogpu_readings readings{};
  readings.struct_size = sizeof readings;
  readings.utilization = utilization;
  readings.temperature_c = temperature_c;
  readings.memory_used_bytes = memory_used_bytes;
  double suitability = 0;
  check(exogpu_device_suitability(&readings, memory_total_bytes, &suitability));
  return suitability;
}

Handle device_record(Handle device) {
  exogpu_ticket ticket{};
  check(exogpu_device_record({device}, &ticket));
  return ticket.id;
}

// --- buffers

Handle buffer_allocate(Handle device, uint64_t size) {
  exogpu_buffer buffer{};
  check(exogpu_buffer_allocate({device}, size, &buffer));
  return buffer.id;
}

Handle buffer_allocate_async(Handle device, uint64_t size) {
  exogpu_ticket ticket{};
  check(exogpu_buffer_allocate_async({device}, size, &ticket));
  return ticket.id;
}

void buffer_free(Handle buffer) { check(exogpu_buffer_free({buffer})); }

exogpu_buffer_info describe(Handle buffer) {
  exogpu_buffer_info info{};
  info.struct_size = sizeof info;
  check(exogpu_buffer_describe({buffer}, &info));
  return info;
}

// Size, and whether its bytes are the host's.
std::tuple<uint64_t, bool> buffer_describe(Handle buffer) {
  const exogpu_buffer_info info = describe(buffer);
  return {info.size, info.host_address != nullptr};
}

// Its bytes themselves, on a device in the host's memory; `owner` keeps them.
nb::ndarray<nb::array_api, uint8_t, nb::ndim<1>, nb::device::cpu> buffer_array(Handle buffer, const nb::object& owner) {
  const exogpu_buffer_info info = describe(buffer);
  return {info.host_address, {static_cast<size_t>(info.size)}, owner};
}

void buffer_upload(Handle buffer, uint64_t offset, const nb::object& from) {
  const Bytes bytes(from, false);
  const nb::gil_scoped_release release;
  check(exogpu_buffer_upload({buffer}, offset, bytes.data(), bytes.size()));
}

void buffer_download(Handle buffer, uint64_t offset, const nb::object& to) {
  const Bytes bytes(to, true);
  const nb::gil_scoped_release release;
  check(exogpu_buffer_download({buffer}, offset, bytes.data(), bytes.size()));
}

void buffer_copy(Handle from, uint64_t from_offset, Handle to, uint64_t to_offset, uint64_t size) {
  check(exogpu_buffer_copy({from}, from_offset, {to}, to_offset, size));
}

// The caller keeps a memoryview of `from` until the ticket is done.
Handle buffer_upload_async(Handle buffer, uint64_t offset, const nb::object& from) {
  const Bytes bytes(from, false);
  exogpu_ticket ticket{};
  check(exogpu_buffer_upload_async({buffer}, offset, bytes.data(), bytes.size(), &ticket));
  return ticket.id;
}

Handle buffer_download_async(Handle buffer, uint64_t offset, const nb::object& to) {
  const Bytes bytes(to, true);
  exogpu_ticket ticket{};
  check(exogpu_buffer_download_async({buffer}, offset, bytes.data(), bytes.size(), &ticket));
  return ticket.id;
}

Handle buffer_copy_async(Handle from, uint64_t from_offset, Handle to, uint64_t to_offset, uint64_t size) {
  exogpu_ticket ticket{};
  check(exogpu_buffer_copy_async({from}, from_offset, {to}, to_offset, size, &ticket));
  return ticket.id;
}

// --- tickets

// Whether it is done. Its own failure is raised.
bool ticket_wait(Handle ticket, int64_t timeout_ms) {
  const exogpu_code code = exogpu_ticket_wait({ticket}, timeout_ms);
  if (code == EXOGPU_OK) return true;
  const Failure failure{code, exogpu_last_error()};
  int32_t done = 0;
  check(exogpu_ticket_poll({ticket}, &done));
  if (done == 0) return false;
  throw failure;
}

int32_t ticket_fd(Handle ticket) {
  int32_t fd = -1;
  check(exogpu_ticket_fd({ticket}, &fd));
  return fd;
}

void ticket_cancel(Handle ticket) { check(exogpu_ticket_cancel({ticket})); }
void ticket_free(Handle ticket) { check(exogpu_ticket_free({ticket})); }

Handle ticket_buffer(Handle ticket) {
  exogpu_buffer buffer{};
  check(exogpu_ticket_buffer({ticket}, &buffer));
  return buffer.id;
}

Handle ticket_model(Handle ticket) {
  exogpu_model model{};
  check(exogpu_ticket_model({ticket}, &model));
  return model.id;
}

// --- models

Handle model_open_async(Handle context, const std::string& path, const Text& device, uint32_t context_tokens,
                        uint32_t threads, uint32_t batch_tokens, const Text& chat_template) {
  exogpu_model_options options{};
  options.struct_size = sizeof options;
  options.device = or_null(device);
  options.context_tokens = context_tokens;
  options.threads = threads;
  options.batch_tokens = batch_tokens;
  options.chat_template = or_null(chat_template);
  exogpu_ticket ticket{};
  check(exogpu_model_open_async({context}, path.c_str(), &options, &ticket));
  return ticket.id;
}

void model_close(Handle model) { check(exogpu_model_close({model})); }

std::string model_json(Handle model) {
  return text_of([&](char** text) { return exogpu_model_json({model}, text); });
}

std::vector<int32_t> model_tokenize(Handle model, const std::string& text, uint32_t flags) {
  std::vector<int32_t> tokens(text.size() + 16);
  size_t count = 0;
  check(exogpu_model_tokenize({model}, text.data(), text.size(), flags, tokens.data(), tokens.size(), &count));
  const bool more = count > tokens.size();
  tokens.resize(count);
  if (more) check(exogpu_model_tokenize({model}, text.data(), text.size(), flags, tokens.data(), count, &count));
  return tokens;
}

nb::bytes model_detokenize(Handle model, const std::vector<int32_t>& tokens) {
  char* text = nullptr;
  size_t length = 0;
  {
    const nb::gil_scoped_release release;
    check(exogpu_model_detokenize({model}, tokens.data(), tokens.size(), &text, &length));
  }
  nb::bytes bytes(text, length);
  exogpu_free(text);
  return bytes;
}

std::string model_template(Handle model, const std::string& messages) {
  return text_of([&](char** text) { return exogpu_model_template({model}, messages.c_str(), text); });
}

std::vector<float> model_embed(Handle model, const std::string& text) {
  constexpr size_t kMost = 16'384;  // no model's embedding is longer
  std::vector<float> values(kMost);
  size_t count = 0;
  check(exogpu_model_embed({model}, text.data(), text.size(), values.data(), kMost, &count));
  values.resize(std::min(count, kMost));
  return values;
}

struct Sampling {
  uint32_t max_tokens;
  bool ignore_end;
  std::optional<float> temperature, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
  std::optional<uint32_t> top_k;
  uint64_t seed;
};

Handle model_generate(Handle model, const Text& messages, const Text& prompt, const Text& variables,
                      const std::vector<std::string>& stops, const Sampling& sampling) {
  exogpu_generate_options options;
  exogpu_generate_options_init(&options, sizeof options);
  options.messages = or_null(messages);
  options.prompt = or_null(prompt);
  options.variables = or_null(variables);
  std::vector<const char*> stop_texts;
  for (const std::string& stop : stops) stop_texts.push_back(stop.c_str());
  options.stops = stop_texts.data();
  options.stop_count = stop_texts.size();
  options.max_tokens = sampling.max_tokens;
  options.ignore_end = sampling.ignore_end ? 1 : 0;
  options.temperature = sampling.temperature.value_or(options.temperature);
  options.top_p = sampling.top_p.value_or(options.top_p);
  options.min_p = sampling.min_p.value_or(options.min_p);
  options.repeat_penalty = sampling.repeat_penalty.value_or(options.repeat_penalty);
  options.presence_penalty = sampling.presence_penalty.value_or(options.presence_penalty);
  options.frequency_penalty = sampling.frequency_penalty.value_or(options.frequency_penalty);
  options.top_k = sampling.top_k.value_or(options.top_k);
  options.seed = sampling.seed;
  exogpu_generation generation{};
  check(exogpu_model_generate({model}, &options, &generation));
  return generation.id;
}

// A piece of the answer; absent: nothing in time. The second value says whether the answer has ended.
std::tuple<std::optional<std::string>, bool> generation_next(Handle generation, int64_t timeout_ms) {
  exogpu_piece piece{};
  piece.struct_size = sizeof piece;
  const exogpu_code code = exogpu_generation_next({generation}, timeout_ms, &piece);
  if (code == EXOGPU_DEADLINE_EXCEEDED && piece.end == 0) return {std::nullopt, false};
  check(code);
  return {std::string(piece.text, piece.length), piece.end == 1};
}

int32_t generation_fd(Handle generation) {
  int32_t fd = -1;
  check(exogpu_generation_fd({generation}, &fd));
  return fd;
}

void generation_cancel(Handle generation) { check(exogpu_generation_cancel({generation})); }
void generation_free(Handle generation) { check(exogpu_generation_free({generation})); }

std::tuple<uint32_t, uint32_t, uint32_t, uint32_t, double, double> generation_stats(Handle generation) {
  exogpu_generation_stats s{};
  s.struct_size = sizeof s;
  check(exogpu_generation_stats_of({generation}, &s));
  return {s.finish, s.prompt_tokens, s.prompt_reused, s.answer_tokens, s.prompt_s, s.answer_s};
}

// --- clusters and nodes

Handle cluster_open(Handle context, const std::string& address, const Text& key) {
  exogpu_cluster cluster{};
  check(exogpu_cluster_open({context}, address.c_str(), or_null(key), &cluster));
  return cluster.id;
}

void cluster_close(Handle cluster) { check(exogpu_cluster_close({cluster})); }

std::string cluster_models(Handle cluster) {
  return text_of([&](char** text) { return exogpu_cluster_models({cluster}, text); });
}

std::string cluster_json(Handle cluster) {
  return text_of([&](char** text) { return exogpu_cluster_json({cluster}, text); });
}

Handle cluster_model(Handle cluster, const std::string& name) {
  exogpu_model model{};
  check(exogpu_cluster_model({cluster}, name.c_str(), &model));
  return model.id;
}

struct NodeSettings {
  std::string state, cache;
  Text models, model, name, listen, advertise, api, api_key, token;
  std::vector<std::string> connect, devices;
  bool discover = false;
  uint32_t threads = 0, context_tokens = 0;
  uint64_t memory_bytes_max = 0;
};

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> list;
  for (const std::string& text : texts) list.push_back(text.c_str());
  return list;
}

Handle node_start(Handle context, const NodeSettings& settings) {
  const std::vector<const char*> connect = pointers(settings.connect), devices = pointers(settings.devices);
  exogpu_node_options options{};
  options.struct_size = sizeof options;
  options.state = settings.state.c_str();
  options.cache = settings.cache.c_str();
  options.models = or_null(settings.models);
  options.model = or_null(settings.model);
  options.name = or_null(settings.name);
  options.listen = or_null(settings.listen);
  options.advertise = or_null(settings.advertise);
  options.api = or_null(settings.api);
  options.api_key = or_null(settings.api_key);
  options.token = or_null(settings.token);
  options.connect = connect.data();
  options.connect_count = connect.size();
  options.devices = devices.data();
  options.device_count = devices.size();
  options.discover = settings.discover ? 1 : 0;
  options.threads = settings.threads;
  options.context_tokens = settings.context_tokens;
  options.memory_bytes_max = settings.memory_bytes_max;
  exogpu_node node{};
  check(exogpu_node_start({context}, &options, &node));
  return node.id;
}

void node_stop(Handle node) { check(exogpu_node_stop({node})); }
void node_leave(Handle node) { check(exogpu_node_leave({node})); }

std::tuple<uint16_t, uint16_t> node_ports(Handle node) {
  uint16_t link = 0, api = 0;
  check(exogpu_node_ports({node}, &link, &api));
  return {link, api};
}

std::string node_json(Handle node) {
  return text_of([&](char** text) { return exogpu_node_json({node}, text); });
}

// The newer version; absent: not in time.
std::optional<uint64_t> node_wait(Handle node, uint64_t version, int64_t timeout_ms) {
  uint64_t newer = 0;
  const exogpu_code code = exogpu_node_wait({node}, version, timeout_ms, &newer);
  if (code == EXOGPU_DEADLINE_EXCEEDED) return std::nullopt;
  check(code);
  return newer;
}

Handle node_model(Handle node, const std::string& name) {
  exogpu_model model{};
  check(exogpu_node_model({node}, name.c_str(), &model));
  return model.id;
}

std::string node_token(Handle node, uint32_t uses, uint32_t lifetime_s) {
  return text_of([&](char** text) { return exogpu_node_token({node}, uses, lifetime_s, text); });
}

std::string node_pair(Handle node) {
  return text_of([&](char** text) { return exogpu_node_pair({node}, text); });
}

void node_approve(Handle node, const std::string& code) { check(exogpu_node_approve({node}, code.c_str())); }
void node_add_peer(Handle node, const std::string& at) { check(exogpu_node_add_peer({node}, at.c_str())); }

void node_report_sensors(Handle node, double charge, int on_battery, int throttled, double temperature_c,
                         double temperature_limit_c) {
  exogpu_sensor_input input{};
  input.struct_size = sizeof input;
  input.charge = charge;
  input.on_battery = on_battery;
  input.throttled = throttled;
  input.temperature_c = temperature_c;
  input.temperature_limit_c = temperature_limit_c;
  check(exogpu_node_report_sensors({node}, &input));
}

void join(const std::string& state, const std::string& code, const Text& address) {
  check(exogpu_join(state.c_str(), code.c_str(), or_null(address)));
}

using Unlocked = nb::call_guard<nb::gil_scoped_release>;

void add_devices(nb::module_& m) {
  m.def("version", &exogpu_version);
  m.def("context_open", &context_open, Unlocked(), nb::arg("backend").none(), nb::arg("software"), nb::arg("cpu_only"),
        nb::arg("program").none(), nb::arg("backends").none());
  m.def("context_close", &context_close, Unlocked(), nb::arg("context"));
  m.def("device_list", &device_list, nb::arg("context"));
  m.def("device_find", &device_find, nb::arg("context"), nb::arg("name"));
  m.def("device_asynchronous", &device_asynchronous, Unlocked(), nb::arg("device"));
  m.def("device_json", &device_json, Unlocked(), nb::arg("device"));
  m.def("device_memory", &device_memory, Unlocked(), nb::arg("device"));
  m.def("device_sensors", &device_sensors, Unlocked(), nb::arg("device"));
  m.def("device_suitability", &device_suitability, nb::arg("utilization"), nb::arg("temperature_c"),
        nb::arg("memory_used_bytes"), nb::arg("memory_total_bytes"));
  m.def("device_record", &device_record, Unlocked(), nb::arg("device"));
  m.def("buffer_allocate", &buffer_allocate, Unlocked(), nb::arg("device"), nb::arg("size"));
  m.def("buffer_allocate_async", &buffer_allocate_async, nb::arg("device"), nb::arg("size"));
  m.def("buffer_free", &buffer_free, Unlocked(), nb::arg("buffer"));
  m.def("buffer_describe", &buffer_describe, nb::arg("buffer"));
  m.def("buffer_array", &buffer_array, nb::arg("buffer"), nb::arg("owner"));
  m.def("buffer_upload", &buffer_upload, nb::arg("buffer"), nb::arg("offset"), nb::arg("source"));
  m.def("buffer_download", &buffer_download, nb::arg("buffer"), nb::arg("offset"), nb::arg("target"));
  m.def("buffer_copy", &buffer_copy, Unlocked(), nb::arg("source"), nb::arg("source_offset"), nb::arg("target"),
        nb::arg("target_offset"), nb::arg("size"));
  m.def("buffer_upload_async", &buffer_upload_async, nb::arg("buffer"), nb::arg("offset"), nb::arg("source"));
  m.def("buffer_download_async", &buffer_download_async, nb::arg("buffer"), nb::arg("offset"), nb::arg("target"));
  m.def("buffer_copy_async", &buffer_copy_async, nb::arg("source"), nb::arg("source_offset"), nb::arg("target"),
        nb::arg("target_offset"), nb::arg("size"));
  m.def("ticket_wait", &ticket_wait, Unlocked(), nb::arg("ticket"), nb::arg("timeout_ms"));
  m.def("ticket_fd", &ticket_fd, nb::arg("ticket"));
  m.def("ticket_cancel", &ticket_cancel, nb::arg("ticket"));
  m.def("ticket_free", &ticket_free, nb::arg("ticket"));
  m.def("ticket_buffer", &ticket_buffer, nb::arg("ticket"));
  m.def("ticket_model", &ticket_model, nb::arg("ticket"));
}

void add_models(nb::module_& m) {
  m.def("model_open_async", &model_open_async, nb::arg("context"), nb::arg("path"), nb::arg("device").none(),
        nb::arg("context_tokens"), nb::arg("threads"), nb::arg("batch_tokens"), nb::arg("chat_template").none());
  m.def("model_close", &model_close, Unlocked(), nb::arg("model"));
  m.def("model_json", &model_json, Unlocked(), nb::arg("model"));
  m.def("model_tokenize", &model_tokenize, Unlocked(), nb::arg("model"), nb::arg("text"), nb::arg("flags"));
  m.def("model_detokenize", &model_detokenize, nb::arg("model"), nb::arg("tokens"));
  m.def("model_template", &model_template, Unlocked(), nb::arg("model"), nb::arg("messages"));
  m.def("model_embed", &model_embed, Unlocked(), nb::arg("model"), nb::arg("text"));
  m.def(
      "model_generate",
      [](Handle model, const Text& messages, const Text& prompt, const Text& variables,
         const std::vector<std::string>& stops, uint32_t max_tokens, bool ignore_end, std::optional<float> temperature,
         std::optional<float> top_p, std::optional<float> min_p, std::optional<uint32_t> top_k,
         std::optional<float> repeat_penalty, std::optional<float> presence_penalty,
         std::optional<float> frequency_penalty, uint64_t seed) {
        return model_generate(model, messages, prompt, variables, stops,
                              {.max_tokens = max_tokens,
                               .ignore_end = ignore_end,
                               .temperature = temperature,
                               .top_p = top_p,
                               .min_p = min_p,
                               .repeat_penalty = repeat_penalty,
                               .presence_penalty = presence_penalty,
                               .frequency_penalty = frequency_penalty,
                               .top_k = top_k,
                               .seed = seed});
      },
      Unlocked(), nb::arg("model"), nb::arg("messages").none(), nb::arg("prompt").none(), nb::arg("variables").none(),
      nb::arg("stops"), nb::arg("max_tokens"), nb::arg("ignore_end"), nb::arg("temperature").none(),
      nb::arg("top_p").none(), nb::arg("min_p").none(), nb::arg("top_k").none(), nb::arg("repeat_penalty").none(),
      nb::arg("presence_penalty").none(), nb::arg("frequency_penalty").none(), nb::arg("seed"));
  m.def("generation_next", &generation_next, Unlocked(), nb::arg("generation"), nb::arg("timeout_ms"));
  m.def("generation_fd", &generation_fd, nb::arg("generation"));
  m.def("generation_cancel", &generation_cancel, nb::arg("generation"));
  m.def("generation_free", &generation_free, Unlocked(), nb::arg("generation"));
  m.def("generation_stats", &generation_stats, nb::arg("generation"));
}

void add_clusters(nb::module_& m) {
  m.def("cluster_open", &cluster_open, nb::arg("context"), nb::arg("address"), nb::arg("key").none());
  m.def("cluster_close", &cluster_close, nb::arg("cluster"));
  m.def("cluster_models", &cluster_models, Unlocked(), nb::arg("cluster"));
  m.def("cluster_json", &cluster_json, Unlocked(), nb::arg("cluster"));
  m.def("cluster_model", &cluster_model, nb::arg("cluster"), nb::arg("name"));
  nb::class_<NodeSettings>(m, "NodeSettings")
      .def(nb::init<>())
      .def_rw("state", &NodeSettings::state)
      .def_rw("cache", &NodeSettings::cache)
      .def_rw("models", &NodeSettings::models, nb::arg("value").none())
      .def_rw("model", &NodeSettings::model, nb::arg("value").none())
      .def_rw("name", &NodeSettings::name, nb::arg("value").none())
      .def_rw("listen", &NodeSettings::listen, nb::arg("value").none())
      .def_rw("advertise", &NodeSettings::advertise, nb::arg("value").none())
      .def_rw("api", &NodeSettings::api, nb::arg("value").none())
      .def_rw("api_key", &NodeSettings::api_key, nb::arg("value").none())
      .def_rw("token", &NodeSettings::token, nb::arg("value").none())
      .def_rw("connect", &NodeSettings::connect)
      .def_rw("devices", &NodeSettings::devices)
      .def_rw("discover", &NodeSettings::discover)
      .def_rw("threads", &NodeSettings::threads)
      .def_rw("context_tokens", &NodeSettings::context_tokens)
      .def_rw("memory_bytes_max", &NodeSettings::memory_bytes_max);
  m.def("node_start", &node_start, Unlocked(), nb::arg("context"), nb::arg("settings"));
  m.def("node_stop", &node_stop, Unlocked(), nb::arg("node"));
  m.def("node_leave", &node_leave, Unlocked(), nb::arg("node"));
  m.def("node_ports", &node_ports, nb::arg("node"));
  m.def("node_json", &node_json, Unlocked(), nb::arg("node"));
  m.def("node_wait", &node_wait, Unlocked(), nb::arg("node"), nb::arg("version"), nb::arg("timeout_ms"));
  m.def("node_model", &node_model, nb::arg("node"), nb::arg("name"));
  m.def("node_token", &node_token, Unlocked(), nb::arg("node"), nb::arg("uses"), nb::arg("lifetime_s"));
  m.def("node_pair", &node_pair, Unlocked(), nb::arg("node"));
  m.def("node_approve", &node_approve, Unlocked(), nb::arg("node"), nb::arg("code"));
  m.def("node_add_peer", &node_add_peer, Unlocked(), nb::arg("node"), nb::arg("address"));
  m.def("node_report_sensors", &node_report_sensors, nb::arg("node"), nb::arg("charge"), nb::arg("on_battery"),
        nb::arg("throttled"), nb::arg("temperature_c"), nb::arg("temperature_limit_c"));
  m.def("join", &join, Unlocked(), nb::arg("state"), nb::arg("code"), nb::arg("address").none());
}

}  // namespace

NB_MODULE(_core, m) {
  nb::register_exception_translator(raise);
  add_devices(m);
  add_models(m);
  add_clusters(m);
}
