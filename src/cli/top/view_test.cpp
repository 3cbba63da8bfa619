#include "cli/top/view.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace exogpu::cli {
namespace {

using nlohmann::json;

TopInput example_input() {
  return {.cluster = json::parse(R"({"leader": "desk", "nodes": [{"name": "desk", "online": true}, {"online": false}],
            "models": [{"model": "llama", "serving": true,
                        "plan": {"stages": [{"layer_begin": 0, "layer_end": 12, "node": "desk", "device": "cuda0",
                                             "status": "ready"},
                                            {"layer_begin": 12, "layer_end": 24, "node": "attic", "device": "cpu",
                                             "status": "loading"}]},
                        "live": {"requests": 2, "waiting_requests": 3, "tokens_per_s": 12.34,
                                 "stage_step_s": [0.0213]}}]})"),
          .telemetry = json::parse(R"({"nodes": [
            {"name": "attic", "devices": [{"id": "cpu", "utilization": 0.05, "temperature_c": 41}]},
            {"name": "desk", "devices": [{"id": "cuda0", "utilization": 0.93, "memory_used_bytes": 13207024435,
               "memory_total_bytes": 85899345920, "power_w": 431.2, "temperature_c": 91, "throttling": ["heat"],
               "suitability": 0.12, "history": {"utilization": [null, 0, 0.5, 1]}}]}]})"),
          .alerts = json::parse(R"({"alerts": [{"name": "device_hot", "severity": "warning", "node": "desk",
               "subject": "cuda0", "summary": "GPU is at 91 °C"}]})")};
}

TEST(TopView, ShowsDevicesStagesAndAlerts) {
  EXPECT_EQ(top_report(example_input(), {}),
            "exogpu: 1 of 2 nodes online, led by desk; serving llama\n"
            "warning: device_hot desk/cuda0: GPU is at 91 °C\n"
            "\n"
            "DEVICE      LOAD  MEMORY         POWER  TEMP    FIT   LOAD OF TWO MINUTES\n"
            "attic/cpu   5 %                         41 °C\n"
            "desk/cuda0  93 %  12.3/80.0 GiB  431 W  91 °C!  0.12        ▁▁▁▁▁▁▅▅▅▅▅▅██████\n"
            "\n"
            "MODEL  LAYERS  DEVICE      STATE    STEP     REQUESTS  TOKENS/S\n"
            "llama  0-11    desk/cuda0  ready    21.3 ms  2+3       12.3\n"
            "       12-23   attic/cpu   loading\n");
}

TEST(TopView, SortsByWhatIsAskedFor) {
  const std::string by_load = top_report(example_input(), {.order = TopOrder::load});
  EXPECT_LT(by_load.find("\ndesk/cuda0"), by_load.find("\nattic/cpu"));
  TopOrder order = TopOrder::name;
  for (int i = 0; i < 5; ++i) order = next(order);
  EXPECT_EQ(order, TopOrder::name);
}

TEST(TopView, FitsTheTerminal) {
  for (const size_t lines : {2U, 8U, 24U}) {
    const std::string text = top_text(example_input(), {.columns = 40, .lines = lines});
    EXPECT_EQ(static_cast<size_t>(std::ranges::count(text, '\n')), lines);
    size_t columns = 0;
    for (const char c : text) {
      columns = c == '\n' ? 0 : columns + ((static_cast<uint8_t>(c) & 0xC0) != 0x80 ? 1 : 0);
      EXPECT_LE(columns, 40U);
    }
    EXPECT_NE(text.find("s: sort (name)"), std::string::npos);
  }
  EXPECT_NE(top_text(example_input(), {.prompt = "drain which node? des"}).find("which node? des"), std::string::npos);
}

TEST(TopView, SparklinesHaveABarForEachPartOfTheTime) {
  EXPECT_EQ(sparkline(json::parse("[0, 0, 1, 1]"), 1, 4, true), "▁▁██");
  EXPECT_EQ(sparkline(json::parse("[0, 1, 1, 1]"), 1, 2, false), "=#");
  EXPECT_EQ(sparkline(json::parse("[null, 7]"), 2, 2, false), " #");
  EXPECT_EQ(sparkline(json::parse("[1, 0]"), 1, 4, false), "##__") << "fewer values than columns";
  EXPECT_EQ(sparkline(json(), 1, 5, true), "");
}

TEST(TopView, WhatANodeSendsWronglyIsNotShown) {
  for (const char* text : {"null", "[]", "{}", R"({"nodes": 5, "models": [3, null, {"plan": 7, "live": []}]})",
                           R"({"nodes": [null, {"devices": [null, {"id": "\u001b[2J", "history": 5}]}]})",
                           R"({"alerts": [null, 5, {"summary": "\u001b"}]})"}) {
    const json any = json::parse(text);
    const std::string shown = top_text({.cluster = any, .telemetry = any, .alerts = any}, {});
    EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  }
}

}  // namespace
}  // namespace exogpu::cli
