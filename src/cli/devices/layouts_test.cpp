#include "cli/devices/layouts.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

using gpu::LayoutState;
using gpu::WeightShape;

std::vector<DeviceLayouts> one_device() {
  gpu::LayoutKnowledge known;
  known.verdicts[{"AMX", "f16", WeightShape::matrix}] = {LayoutState::right, ""};
  known.verdicts[{"AMX", "f16", WeightShape::batch}] = {LayoutState::wrong, "signal 6"};
  known.verdicts[{"CPU", "f16", WeightShape::matrix}] = {LayoutState::right, ""};
  known.verdicts[{"CPU", "f16", WeightShape::short_rows}] = {LayoutState::unsupported, ""};
  known.rates[{"AMX", "f16"}] = {.matvec_bytes_per_s = 5e10, .matmul_flops_per_s = 2e12};
  return {{.device = "cpu", .known = std::move(known)}};
}

TEST(LayoutsTable, HasALineForEachLayoutOfATypeOfWeights) {
  EXPECT_EQ(layouts_table(one_device()),
            "ID   WEIGHTS  LAYOUT  MATRIX  SHORT ROWS  BATCH  ONE TOKEN READS  MANY TOKENS COMPUTE\n"
            "cpu  f16      AMX     right               WRONG  50 GB/s          2 TFLOP/s\n"
            "     f16      CPU     right   -\n");
  EXPECT_EQ(layouts_table({}), "");
}

TEST(LayoutsTable, NamesWhatIsNotUsedAndWhy) {
  EXPECT_EQ(layouts_not_used(one_device()),
            std::vector<std::string>{"cpu: AMX/f16/batch is wrong and not used: signal 6"});
}

}  // namespace
}  // namespace exogpu::cli
