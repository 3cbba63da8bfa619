#include <cmath>

#include "capi/context.h"
#include "capi/testing/fixture.h"

namespace exogpu::capi::testing {
namespace {

TEST_F(CapiTest, ADeviceIsDescribed) {
  exogpu_device_info info{};
  info.struct_size = sizeof info;
  ASSERT_OK(exogpu_device_describe(cpu, &info));
  EXPECT_EQ(info.kind, static_cast<uint32_t>(EXOGPU_DEVICE_CPU));
  EXPECT_STREQ(info.id, "cpu");
  EXPECT_STREQ(info.backend, "CPU");
  EXPECT_GT(info.memory_bytes, 0U);
  EXPECT_GT(info.compute_units, 0U);
  EXPECT_EQ(info.software, 0U);
  EXPECT_NE(std::string_view(info.architecture), "");
  char* text = nullptr;
  ASSERT_OK(exogpu_device_json(cpu, &text));
  const std::string json = taken(text);
  EXPECT_TRUE(json.contains(R"("id":"cpu")")) << json;
  EXPECT_TRUE(json.contains(R"("precisions":{"f32":true)")) << json;

  info.struct_size = 4;
  expect_error(exogpu_device_describe(cpu, &info), EXOGPU_INVALID_ARGUMENT, "struct_size is 4");
  expect_error(exogpu_device_describe(cpu, nullptr), EXOGPU_INVALID_ARGUMENT, "null pointer");
  expect_error(exogpu_device_json(cpu, nullptr), EXOGPU_INVALID_ARGUMENT, "null pointer");
  expect_error(exogpu_device_describe({context.id}, &info), EXOGPU_INVALID_ARGUMENT, "names a context");
}

TEST_F(CapiTest, MemoryIsThatOfTheContextsBuffers) {
  exogpu_memory_info info{};
  info.struct_size = sizeof info;
  const exogpu_buffer buffer = allocate(4096);
  ASSERT_OK(exogpu_device_memory(cpu, &info));
  EXPECT_EQ(info.allocated_bytes, 4096U);
  EXPECT_EQ(info.buffers, 1U);
  EXPECT_GE(info.total_bytes, info.free_bytes);
  ASSERT_OK(exogpu_buffer_free(buffer));
  ASSERT_OK(exogpu_device_memory(cpu, &info));
  EXPECT_EQ(info.allocated_bytes, 0U);
  expect_error(exogpu_device_memory({}, &info), EXOGPU_INVALID_ARGUMENT, "device handle");
}

TEST_F(CapiTest, SensorsAreReadOrNotKnown) {
  exogpu_readings readings{};
  readings.struct_size = sizeof readings;
  ASSERT_OK(exogpu_device_read_sensors(cpu, &readings));
  for (const double share : {readings.utilization, readings.clock_share}) {
    EXPECT_TRUE(std::isnan(share) || (share >= 0 && share <= 1)) << share;
  }
  EXPECT_GT(readings.memory_used_bytes, 0);
  EXPECT_GE(readings.throttled, -1);
  EXPECT_LE(readings.throttled, 1);
  expect_error(exogpu_device_read_sensors({}, &readings), EXOGPU_INVALID_ARGUMENT, "device handle");
  expect_error(exogpu_device_read_sensors(cpu, nullptr), EXOGPU_INVALID_ARGUMENT, "null pointer");
}

TEST_F(CapiTest, SuitabilityWeighsMemoryComputeAndHeat) {
  exogpu_readings readings{};
  readings.struct_size = sizeof readings;
  readings.utilization = 0.5;
  readings.temperature_c = 84;
  readings.memory_used_bytes = 25;
  double suitability = 0;
  ASSERT_OK(exogpu_device_suitability(&readings, 100, &suitability));
  EXPECT_NEAR(suitability, 0.6 * 0.75 + 0.4 * 0.5 - 4 * 0.05, 1e-9);
  readings.utilization = readings.temperature_c = NAN;
  ASSERT_OK(exogpu_device_suitability(&readings, 100, &suitability));
  EXPECT_NEAR(suitability, 0.6 * 0.75 + 0.4, 1e-9);
  expect_error(exogpu_device_suitability(&readings, 0, &suitability), EXOGPU_INVALID_ARGUMENT, "without memory");
  readings.memory_used_bytes = NAN;
  expect_error(exogpu_device_suitability(&readings, 100, &suitability), EXOGPU_INVALID_ARGUMENT, "memory_used_bytes");
  expect_error(exogpu_device_suitability(nullptr, 100, &suitability), EXOGPU_INVALID_ARGUMENT, "null pointer");
  expect_error(exogpu_device_suitability(&readings, 100, nullptr), EXOGPU_INVALID_ARGUMENT, "suitability");
}

TEST_F(CapiTest, AnEventComesAfterWhatWasBegunBefore) {
  const exogpu_buffer buffer = allocate(1 << 20);
  const std::vector<char> bytes(1 << 20, 'x');
  exogpu_ticket upload{}, event{};
  ASSERT_OK(exogpu_buffer_upload_async(buffer, 0, bytes.data(), bytes.size(), &upload));
  ASSERT_OK(exogpu_device_record(cpu, &event));
  EXPECT_OK(finish(event));
  int32_t done = 0;
  ASSERT_OK(exogpu_ticket_poll(upload, &done));
  EXPECT_EQ(done, 1);
  EXPECT_OK(finish(upload));
  EXPECT_OK(exogpu_device_synchronize(cpu));
  expect_error(exogpu_device_synchronize({}), EXOGPU_INVALID_ARGUMENT, "device handle");
  expect_error(exogpu_device_record(cpu, nullptr), EXOGPU_INVALID_ARGUMENT, "ticket is a null pointer");
}

}  // namespace
}  // namespace exogpu::capi::testing
