#include "cli/readings.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

TEST(ReadingsText, NamesWhatIsKnownWithItsUnit) {
  gpu::Readings readings;
  EXPECT_EQ(readings_text(readings), "");
  readings.utilization = 0;
  EXPECT_EQ(readings_text(readings), "0 %");
  readings.temperature_c = 44.6;
  readings.power_w = 119.8;
  readings.utilization = 0.374;
  EXPECT_EQ(readings_text(readings), "45 °C, 120 W, 37 %");
}

TEST(ReadingsJson, LeavesOutWhatIsAbsent) {
  gpu::Readings readings;
  EXPECT_EQ(readings_json(readings).dump(), "{}");
  readings.power_w = 12.5;
  readings.memory_used_bytes = 0;
  EXPECT_EQ(readings_json(readings).dump(), R"({"power_w":12.5,"memory_used_bytes":0})");
}

TEST(PowerSupplyText, NamesTheSourceOfPower) {
  gpu::PowerSupply supply;
  EXPECT_EQ(power_supply_text(supply), "");
  supply.on_mains = true;
  EXPECT_EQ(power_supply_text(supply), "mains");
  supply.charge = 0.62;
  supply.batteries = {{.name = "BAT0", .charge = 0.62, .state = gpu::BatteryState::charging, .power_w = {}}};
  EXPECT_EQ(power_supply_text(supply), "mains, battery 62 % (charging)");
  supply.on_mains = false;
  supply.batteries[0].state = gpu::BatteryState::discharging;
  EXPECT_EQ(power_supply_text(supply), "battery, 62 %");
  supply.on_mains.reset();
  supply.batteries.push_back({.name = "BAT1", .charge = {}, .state = gpu::BatteryState::idle, .power_w = {}});
  EXPECT_EQ(power_supply_text(supply), "battery 62 %");
}

TEST(PowerSupplyJson, ListsTheBatteries) {
  gpu::PowerSupply supply;
  EXPECT_EQ(power_supply_json(supply).dump(), "{}");
  supply.on_mains = false;
  supply.batteries = {{.name = "BAT0", .charge = {}, .state = gpu::BatteryState::discharging, .power_w = 7.5}};
  EXPECT_EQ(power_supply_json(supply).dump(),
            R"({"on_mains":false,"batteries":[{"name":"BAT0","state":"discharging","power_w":7.5}]})");
}

}  // namespace
}  // namespace exogpu::cli
