#include "sim/scenario.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace exogpu::sim {
namespace {

using Json = nlohmann::json;

// Takes fields out of an object, so that a field that remains is an error.
class Fields {
 public:
  Fields(const Json& object, std::string where) : remaining_(object), where_(std::move(where)) {}

  template <typename T>
  void take(const char* name, T& value) {
    const auto found = remaining_.find(name);
    if (found == remaining_.end()) return;
    if constexpr (std::is_same_v<T, bool>) {
      if (!found->is_boolean()) return wrong(name, "true or false");
      value = found->get<bool>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!found->is_string()) return wrong(name, "a text");
      value = found->get<std::string>();
    } else {
      if (!found->is_number() || found->get<double>() < -1 || found->get<double>() > 1e6) {
        return wrong(name, "a number up to 1,000,000");
      }
      value = found->get<T>();
    }
    remaining_.erase(name);
  }
  Json take_any(const char* name) {
    const auto found = remaining_.find(name);
    if (found == remaining_.end()) return nullptr;
    Json value = *found;
    remaining_.erase(name);
    return value;
  }
  Result<void> done() {
    if (problem_.empty() && !remaining_.empty()) problem_ = where_ + ": there is no field " + remaining_.begin().key();
    if (problem_.empty()) return {};
    return fail(ErrorCode::invalid_argument, "{}", problem_);
  }

 private:
  void wrong(const char* name, const char* expected) {
    if (problem_.empty()) problem_ = where_ + ": " + name + " must be " + expected;
  }
  Json remaining_;
  std::string where_;
  std::string problem_;
};

Result<void> read_network(const Json& json, const std::string& where, NetworkSettings& out) {
  if (json.is_null()) return {};
  if (!json.is_object()) return fail(ErrorCode::invalid_argument, "{}: network must be an object", where);
  Fields fields(json, where + ": network");
  fields.take("delay_ms", out.delay_ms);
  fields.take("jitter_ms", out.jitter_ms);
  fields.take("loss", out.loss);
  fields.take("duplicate", out.duplicate);
  fields.take("reorder", out.reorder);
  fields.take("channels", out.channels);
  return fields.done();
}

Result<void> read_faults(const Json& json, const std::string& where, FaultRates& out) {
  if (json.is_null()) return {};
  if (!json.is_object()) return fail(ErrorCode::invalid_argument, "{}: faults must be an object", where);
  Fields fields(json, where + ": faults");
  fields.take("crash", out.crash);
  fields.take("stall", out.stall);
  fields.take("partition", out.partition);
  fields.take("one_way", out.one_way);
  fields.take("slow", out.slow);
  fields.take("burst", out.burst);
  fields.take("work", out.work);
  fields.take("drain", out.drain);
  fields.take("model", out.model);
  fields.take("heat", out.heat);
  fields.take("battery", out.battery);
  fields.take("shortage", out.shortage);
  fields.take("sensor", out.sensor);
  fields.take("longest_s", out.longest_s);
  return fields.done();
}

Result<void> read_requests(const Json& json, const std::string& where, RequestSettings& out) {
  if (json.is_null()) return {};
  if (!json.is_object()) return fail(ErrorCode::invalid_argument, "{}: requests must be an object", where);
  Fields fields(json, where + ": requests");
  fields.take("per_s", out.per_s);
  fields.take("prompt_max", out.prompt_max);
  fields.take("tokens_max", out.tokens_max);
  fields.take("pool_tokens", out.pool_tokens);
  fields.take("context_most", out.context_most);
  fields.take("burst", out.burst);
  EXO_CHECK(fields.done());
  if (out.pool_tokens > 0 && out.pool_tokens < out.prompt_max + out.tokens_max) {
    return fail(ErrorCode::invalid_argument, "{}: requests: pool_tokens must be 0, or fit a prompt and its answer",
                where);
  }
  if (out.prompt_max > 0 && out.tokens_max > 0 && out.prompt_max + out.tokens_max < 4000) return {};
  return fail(ErrorCode::invalid_argument, "{}: requests: prompt_max and tokens_max must be 1 or more, and fit 4,000",
              where);
}

Result<void> read_script(const Json& json, const std::string& where, Scenario& out) {
  if (json.is_null()) return {};
  if (!json.is_array()) return fail(ErrorCode::invalid_argument, "{}: script must be an array", where);
  for (const Json& each : json) {
    if (!each.is_object()) return fail(ErrorCode::invalid_argument, "{}: a step of script must be an object", where);
    ScriptStep step;
    Fields fields(each, where + ": script");
    fields.take("at_s", step.at_s);
    fields.take("do", step.what);
    fields.take("node", step.node);
    fields.take("for_s", step.for_s);
    EXO_CHECK(fields.done());
    static constexpr std::string_view kKnown[] = {"crash", "start", "stall",   "cut",
                                                  "heal",  "model", "undrain", "drain"};
    if (!std::ranges::contains(kKnown, step.what)) {
      return fail(ErrorCode::invalid_argument, "{}: script: there is no step {}", where, step.what);
    }
    if (step.node >= static_cast<int>(out.nodes)) {
      return fail(ErrorCode::invalid_argument, "{}: script: there is no node {}", where, step.node);
    }
    out.script.push_back(std::move(step));
  }
  return {};
}

// By the names of their files in traces/, beside the folder of the scenario.
Result<void> read_traces(const Json& json, const std::filesystem::path& path, Scenario& out) {
  if (json.is_null()) return {};
  if (!json.is_array()) {
    return fail(ErrorCode::invalid_argument, "{}: traces must be an array", path.filename().string());
  }
  for (const Json& name : json) {
    if (!name.is_string()) {
      return fail(ErrorCode::invalid_argument, "{}: traces must be names", path.filename().string());
    }
    const auto folder = path.parent_path().parent_path() / "traces";
    EXO_TRY(auto trace, telemetry::testing::read_trace(folder / (name.get<std::string>() + ".txt")));
    out.traces.push_back(std::move(trace));
  }
  return {};
}

}  // namespace

Result<Scenario> read_scenario(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::not_found, "{}: no such scenario", path.string());
  std::ostringstream text;
  text << file.rdbuf();
  const Json json = Json::parse(text.str(), nullptr, false);
  const std::string where = path.filename().string();
  if (!json.is_object()) return fail(ErrorCode::invalid_argument, "{}: this is no JSON object", where);
  Scenario out;
  out.name = path.stem().string();
  Fields fields(json, where);
  fields.take_any("about");
  fields.take("nodes", out.nodes);
  fields.take("faults_s", out.faults_s);
  fields.take("settle_s", out.settle_s);
  fields.take("measure_s", out.measure_s);
  fields.take("member_bytes_max", out.member_bytes_max);
  fields.take("models", out.models);
  fields.take("library", out.library);
  fields.take("layers", out.layers);
  fields.take("recurrent", out.recurrent);
  fields.take("layer_mb", out.layer_mb);
  fields.take("memory_mb_min", out.memory_mb_min);
  fields.take("memory_mb_max", out.memory_mb_max);
  fields.take("election_max_s", out.election_max_s);
  fields.take("profile_off", out.profile_off);
  fields.take("codec", out.codec);
  fields.take("wants_service", out.wants_service);
  fields.take("temperature_max_c", out.temperature_max_c);
  const Json network = fields.take_any("network"), faults = fields.take_any("faults"),
             script = fields.take_any("script"), requests = fields.take_any("requests"),
             traces = fields.take_any("traces");
  EXO_CHECK(fields.done());
  if (out.nodes == 0 || out.nodes > 5000 || out.layers == 0 || out.layers > 1000) {
    return fail(ErrorCode::invalid_argument, "{}: nodes must be 1 to 5,000, layers 1 to 1,000", where);
  }
  EXO_CHECK(read_network(network, where, out.network));
  EXO_CHECK(read_faults(faults, where, out.faults));
  EXO_CHECK(read_requests(requests, where, out.requests));
  EXO_CHECK(read_script(script, where, out));
  EXO_CHECK(read_traces(traces, path, out));
  return out;
}

}  // namespace exogpu::sim
