#include "cli/models/cluster_report.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::system_clock::time_point kNow{std::chrono::hours(24 * 365 * 55)};

Json plan() {
  return {{"context", 4096},
          {"predicted", {{"tokens_per_s_alone", 12.34}}},
          {"stages",
           {{{"node", "a"}, {"device", "cpu"}, {"memory_bytes", 1 << 30}},
            {{"node", "b"}, {"device", "cuda0"}, {"memory_bytes", 1 << 30}},
            {{"node", "a"}, {"device", "cpu"}, {"memory_bytes", 1 << 30}}}}};
}

Json cluster() {
  const auto loaded = std::chrono::floor<std::chrono::seconds>(kNow.time_since_epoch()).count() - 7200;
  const auto used = std::chrono::floor<std::chrono::seconds>(kNow.time_since_epoch()).count() - 300;
  return {{"models",
           {{{"model", "big"},
             {"serving", true},
             {"serving_since_unix_s", loaded},
             {"pinned", true},
             {"plan", plan()},
             {"used_at_unix_s", used}},
            {{"model", "late"},
             {"serving", false},
             {"not_serving_reason", "a/cpu is loading"},
             {"keep_loaded_s", 1800},
             {"plan", plan()}},
            {{"model", "none"}, {"serving", false}, {"not_serving_reason", "9 bytes are missing"}, {"plan", nullptr}}}},
          {"library",
           {{{"model", "big"},
             {"bytes", 1 << 30},
             {"quantisation", "Q4_K_M"},
             {"architecture", "llama"},
             {"context", 8192},
             {"abilities", {"chat", "tools"}},
             {"nodes", {"a", "b"}}},
            {{"model", "evil\x1b"}, {"nodes", {"c"}}, {"quantisation", nullptr}, {"predicted", nullptr}}}}};
}

TEST(ClusterReport, LoadedModelsSayWhereTheyAreAndHowLong) {
  EXPECT_EQ(
      loaded_models_table(cluster(), kNow),
      "MODEL  STATE                         DEVICES         MEMORY    CONTEXT  PREDICTED  LOADED       USED           "
      "KEPT\n"
      "big    loaded                        a/cpu, b/cuda0  3.00 GiB  4096     12.3 t/s   2 hours ago  5 minutes ago  "
      "pinned\n"
      "late   loading: a/cpu is loading     a/cpu, b/cuda0  3.00 GiB  4096     12.3 t/s                               "
      "30 min unused\n"
      "none   no room: 9 bytes are missing                                                                            "
      "until unloaded\n");
  EXPECT_TRUE(loaded_models_table(Json::object(), kNow).starts_with("No model is loaded."));
}

TEST(ClusterReport, TheLibraryHasAllFilesWithTheirNodes) {
  const std::string table = library_table(cluster());
  EXPECT_TRUE(table.contains("big")) << table;
  EXPECT_TRUE(
      table.contains("1.00 GiB  Q4_K_M  llama         8192     chat, tools  a, b   12.3 t/s on a/cpu, b/cuda0\n"))
      << table;
  EXPECT_FALSE(table.contains('\x1b')) << table;
  EXPECT_TRUE(library_table(Json::array()).starts_with("No node of the cluster"));
}

TEST(ClusterReport, ModelsThatAreNotLoadedHaveAPredictionOrAReason) {
  Json all = cluster();
  EXPECT_FALSE(predictions_complete(all));
  Json& entry = all["library"][1];
  entry["predicted"] = {{"tokens_per_s_alone", 7.04}, {"devices", {"a/cpu", "b/cuda0"}}};
  EXPECT_TRUE(predictions_complete(all));
  EXPECT_TRUE(library_table(all).contains("7.0 t/s on a/cpu, b/cuda0\n")) << library_table(all);
  entry["predicted"] = {{"reason", "9 bytes are missing"}};
  EXPECT_TRUE(predictions_complete(all));
  EXPECT_TRUE(library_table(all).contains("does not fit: 9 bytes are missing\n")) << library_table(all);
}

}  // namespace
}  // namespace exogpu::cli
