// sim --scenario FILE [--seed S | --seeds A..B] [--trace] [--jobs N]: runs a scenario with one seed or many.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <print>
#include <thread>

#include "base/mutex.h"
#include "sim/world.h"

namespace {

using namespace exogpu;
using namespace exogpu::sim;

struct Arguments {
  std::vector<std::filesystem::path> scenarios;
  uint64_t first = 1, last = 1;
  bool trace = false;
  unsigned jobs = 0;
};

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Arguments> parse(std::span<char*> words) {
  Arguments out;
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--trace") {
      out.trace = true;
      continue;
    }
    if (i + 1 == words.size()) return fail(ErrorCode::invalid_argument, "{} needs a value, or is not known", word);
    const std::string_view value = words[++i];
    if (word == "--scenario") {
      out.scenarios.emplace_back(value);
    } else if (word == "--seed" || word == "--jobs") {
      const auto n = number(value);
      if (!n) return fail(ErrorCode::invalid_argument, "{}: {} is no number", word, value);
      if (word == "--seed") out.first = out.last = *n;
      if (word == "--jobs") out.jobs = static_cast<unsigned>(*n);
    } else if (word == "--seeds") {
      const size_t dots = value.find("..");
      const auto a = number(value.substr(0, std::min(dots, value.size())));
      const auto b = dots == std::string_view::npos ? a : number(value.substr(dots + 2));
      if (!a || !b || *b < *a) return fail(ErrorCode::invalid_argument, "--seeds: {} is not like 1..1000", value);
      out.first = *a;
      out.last = *b;
    } else {
      return fail(ErrorCode::invalid_argument, "there is no option {}", word);
    }
  }
  if (out.scenarios.empty()) return fail(ErrorCode::invalid_argument, "which scenario? --scenario FILE");
  return out;
}

std::string spread(std::vector<double> values) {
  if (values.empty()) return "none";
  std::ranges::sort(values);
  return std::format("median {:.2f} s, 99 of 100 {:.2f} s, most {:.2f} s ({})", values[values.size() / 2],
                     values[values.size() * 99 / 100], values.back(), values.size());
}

struct Sums {
  std::vector<double> elections_s, leaders_s, services_s, settled_s, first_leader_s, first_service_s;
  uint64_t messages = 0, bytes = 0, terms = 0;
  AnswerCounts answers;
  Outcome last;
};

// Whether all seeds passed.
bool run(const std::filesystem::path& file, const Scenario& scenario, const Arguments& arguments) {
  std::atomic<uint64_t> next = arguments.first;
  std::atomic<uint64_t> failed = 0;
  Mutex mutex;  // of sums and the output
  Sums sums;
  const auto add = [](std::vector<double>& to, const std::optional<double>& value) {
    if (value) to.push_back(*value);
  };
  const auto work = [&] {
    while (true) {
      const uint64_t seed = next++;
      if (seed > arguments.last || failed > 20) return;
      RunOptions options{.seed = seed, .trace = {}};
      if (arguments.trace) options.trace = [](const std::string& line) { std::println("{}", line); };
      const Outcome outcome = World(scenario, options).run();
      const MutexLock lock(mutex);
      if (!outcome.failure.empty()) {
        ++failed;
        std::println("FAILED seed {}: {}\n  replay: sim --scenario {} --seed {} --trace", seed, outcome.failure,
                     file.string(), seed);
      }
      sums.elections_s.insert(sums.elections_s.end(), outcome.elections_s.begin(), outcome.elections_s.end());
      sums.leaders_s.insert(sums.leaders_s.end(), outcome.leaders_s.begin(), outcome.leaders_s.end());
      sums.services_s.insert(sums.services_s.end(), outcome.services_s.begin(), outcome.services_s.end());
      add(sums.settled_s, outcome.settled_s);
      add(sums.first_leader_s, outcome.first_leader_s);
      add(sums.first_service_s, outcome.first_service_s);
      sums.messages += outcome.messages;
      sums.bytes += outcome.message_bytes;
      sums.terms += outcome.elections;
      sums.answers.asked += outcome.answers.asked;
      sums.answers.answered += outcome.answers.answered;
      sums.answers.failed += outcome.answers.failed;
      sums.answers.lost += outcome.answers.lost;
      sums.answers.tokens += outcome.answers.tokens;
      sums.answers.continued += outcome.answers.continued;
      sums.answers.replayed += outcome.answers.replayed;
      sums.last = outcome;
    }
  };
  const uint64_t seeds = arguments.last - arguments.first + 1;
  const unsigned jobs = arguments.trace       ? 1
                        : arguments.jobs != 0 ? arguments.jobs
                                              : std::thread::hardware_concurrency();
  std::vector<std::jthread> threads;
  for (uint64_t i = 1; i < std::min<uint64_t>(std::max(1U, jobs), seeds); ++i) threads.emplace_back(work);
  work();
  threads.clear();

  std::println("{}: {} seeds, {} failed; {} terms, {} messages of {} bytes", scenario.name, seeds, failed.load(),
               sums.terms, sums.messages, sums.messages > 0 ? sums.bytes / sums.messages : 0);
  std::println("  first leader obeyed by all   {}", spread(sums.first_leader_s));
  std::println("  first service                {}", spread(sums.first_service_s));
  std::println("  one leader after a crash     {}", spread(sums.elections_s));
  std::println("  a leader where links are whole {}", spread(sums.leaders_s));
  std::println("  service after a crash        {}", spread(sums.services_s));
  std::println("  settled after the last fault {}", spread(sums.settled_s));
  if (sums.answers.asked > 0) {
    const AnswerCounts& of = sums.answers;
    std::println(
        "  {} requests: {} answered with {} tokens, {} could not be, {} lost with their node; {} times one went "
        "on with another ring, {} tokens replayed",
        of.asked, of.answered, of.tokens, of.failed, of.lost, of.continued, of.replayed);
  }
  if (scenario.measure_s > 0) {
    const auto line = [](const char* label, const Traffic& traffic) {
      std::println("  {}: {:.1f} messages/s, {:.0f} bytes/s", label, traffic.messages_per_s, traffic.bytes_per_s);
    };
    line("traffic of the leader", sums.last.leader);
    line("of another, mean     ", sums.last.others_mean);
    line("of another, most     ", sums.last.others_most);
    std::println("  CPU of all nodes and the simulator {:.3f} s in {:.0f} s; the state has {} bytes", sums.last.cpu_s,
                 scenario.measure_s, sums.last.state_bytes);
  }
  return failed == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(std::span(argv, static_cast<size_t>(argc)));
  if (!arguments) {
    std::println(stderr, "sim: {}", arguments.error().message);
    return 2;
  }
  bool passed = true;
  for (const auto& file : arguments->scenarios) {
    const auto scenario = read_scenario(file);
    if (!scenario) {
      std::println(stderr, "sim: {}", scenario.error().message);
      return 2;
    }
    passed = run(file, *scenario, *arguments) && passed;
  }
  return passed ? 0 : 1;
}
