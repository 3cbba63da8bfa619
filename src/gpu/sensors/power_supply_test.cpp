#include "gpu/sensors/power_supply.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

#include "gpu/sensors/fake_sysfs.h"

namespace exogpu::gpu {
namespace {

class Supply : public testing::Test {
 protected:
  void add(const std::string& name, std::initializer_list<std::pair<const char*, const char*>> files) {
    const std::string folder = "sys/devices/LNXSYSTM:00/LNXSYBUS:00/" + name;
    for (const auto& [file, text] : files) tree.write(folder + "/" + file, std::string(text) + "\n");
    if (!std::filesystem::exists(tree.root() / "sys/class/power_supply" / name)) {
      tree.link("sys/class/power_supply/" + name, folder);
    }
  }
  PowerSupply read() const {
    SensorFiles files(tree.root());
    return read_power_supply(files);
  }
  FakeSysfs tree;
};

TEST_F(Supply, ALaptopOnItsBattery) {
  add("AC", {{"type", "Mains"}, {"online", "0"}});
  add("BAT0", {{"type", "Battery"},
               {"present", "1"},
               {"status", "Discharging"},
               {"capacity", "83"},
               {"energy_now", "41500000"},
               {"energy_full", "50000000"},
               {"power_now", "12300000"}});
  const PowerSupply supply = read();
  EXPECT_EQ(supply.on_mains, false);
  ASSERT_EQ(supply.batteries.size(), 1u);
  const Battery& battery = supply.batteries[0];
  EXPECT_EQ(battery.name, "BAT0");
  EXPECT_DOUBLE_EQ(battery.charge.value(), 0.83);
  EXPECT_EQ(battery.state, BatteryState::discharging);
  EXPECT_DOUBLE_EQ(battery.power_w.value(), 12.3);
  EXPECT_DOUBLE_EQ(supply.charge.value(), 0.83);
}

TEST_F(Supply, SeveralBatteriesCountByTheirSize) {
  add("ADP1", {{"type", "Mains"}, {"online", "1"}});
  add("BAT0", {{"type", "Battery"},
               {"capacity", "100"},
               {"energy_now", "20000000"},
               {"energy_full", "20000000"},
               {"status", "Full"}});
  add("BAT1", {{"type", "Battery"},
               {"capacity", "50"},
               {"energy_now", "30000000"},
               {"energy_full", "60000000"},
               {"status", "Charging"}});
  PowerSupply supply = read();
  EXPECT_EQ(supply.on_mains, true);
  EXPECT_EQ(supply.batteries[0].state, BatteryState::idle);
  EXPECT_EQ(supply.batteries[1].state, BatteryState::charging);
  EXPECT_DOUBLE_EQ(supply.charge.value(), 0.625);
  // One of unknown size: they count alike.
  add("BAT2", {{"type", "Battery"}, {"capacity", "0"}, {"status", "Not charging"}});
  supply = read();
  EXPECT_EQ(supply.batteries[2].state, BatteryState::idle);
  EXPECT_DOUBLE_EQ(supply.batteries[2].charge.value(), 0);
  EXPECT_DOUBLE_EQ(supply.charge.value(), 0.5);
}

TEST_F(Supply, APhoneCountsInAmpereHoursAndNegativeCurrents) {
  add("battery", {{"type", "Battery"},
                  {"status", "Discharging"},
                  {"charge_now", "1500000"},
                  {"charge_full", "4000000"},
                  {"voltage_now", "4000000"},
                  {"current_now", "-500000"}});
  add("usb", {{"type", "USB"}, {"online", "0"}});
  add("wireless", {{"type", "Wireless"}, {"online", "1"}});
  const PowerSupply supply = read();
  EXPECT_EQ(supply.on_mains, true);
  EXPECT_DOUBLE_EQ(supply.batteries.at(0).charge.value(), 0.375);
  EXPECT_DOUBLE_EQ(supply.batteries.at(0).power_w.value(), 2);
}

TEST_F(Supply, WithoutASupplyTheBatteryDecides) {
  add("BAT0", {{"type", "Battery"}, {"status", "Charging"}});
  EXPECT_EQ(read().on_mains, true);
  add("BAT0", {{"status", "Discharging"}});
  EXPECT_EQ(read().on_mains, false);
  add("BAT0", {{"status", "Full"}});
  EXPECT_EQ(read().on_mains, std::nullopt);
}

TEST_F(Supply, ADesktopsPortsAndMiceSayNothing) {
  add("ucsi-source-psy-USBC000:001", {{"type", "USB"}, {"online", "0"}});
  add("hidpp_battery_0", {{"type", "Battery"}, {"scope", "Device"}, {"capacity", "5"}, {"status", "Discharging"}});
  add("BAT1", {{"type", "Battery"}, {"present", "0"}});
  const PowerSupply supply = read();
  EXPECT_EQ(supply.on_mains, std::nullopt);
  EXPECT_EQ(supply.charge, std::nullopt);
  EXPECT_TRUE(supply.batteries.empty());
}

TEST_F(Supply, OddFilesAreAbsent) {
  add("BAT0", {{"type", "Battery"}, {"capacity", "104"}});
  EXPECT_DOUBLE_EQ(read().charge.value(), 1);
  for (const char* bad : {"", "garbage", "-5", "255", "9223372036854775807", "99999999999999999999"}) {
    add("BAT0", {{"capacity", bad},
                 {"status", bad},
                 {"power_now", bad},
                 {"energy_now", bad},
                 {"energy_full", "0"},
                 {"present", "x"}});
    const PowerSupply supply = read();
    ASSERT_EQ(supply.batteries.size(), 1u) << bad;
    EXPECT_EQ(supply.batteries[0].charge, std::nullopt) << bad;
    EXPECT_EQ(supply.batteries[0].state, BatteryState::unknown) << bad;
    EXPECT_EQ(supply.charge, std::nullopt) << bad;
    EXPECT_EQ(supply.on_mains, std::nullopt) << bad;
  }
  add("none", {{"online", "1"}});  // no type
  tree.write("sys/class/power_supply/a_file", "x");
  tree.link("sys/class/power_supply/gone", "sys/devices/gone");
  EXPECT_EQ(read().on_mains, std::nullopt);
}

TEST_F(Supply, ReadsThisMachine) {
  SensorFiles files("/");
  const PowerSupply supply = read_power_supply(files);
  for (const Battery& battery : supply.batteries) {
    if (battery.charge) {
      EXPECT_TRUE(*battery.charge >= 0 && *battery.charge <= 1) << battery.name;
    }
  }
}

}  // namespace
}  // namespace exogpu::gpu
