#include "cli/api_addresses.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

const std::vector<std::string> kOwn = {"192.168.1.5", "2001:db8::5"};

TEST(ApiAddresses, OneThatIsListenedAtIsShownAsItIs) {
  EXPECT_EQ(api_addresses("127.0.0.1", 8080, kOwn), "http://127.0.0.1:8080/v1");
  EXPECT_EQ(api_addresses("::1", 80, kOwn), "http://[::1]:80/v1");
}

TEST(ApiAddresses, EveryAddressIsShownAsSomethingToOpen) {
  EXPECT_EQ(api_addresses("::", 80, kOwn), "http://localhost:80/v1, from other machines http://192.168.1.5:80/v1");
  EXPECT_EQ(api_addresses("0.0.0.0", 80, {}), "http://localhost:80/v1");
  EXPECT_EQ(api_addresses("::", 80, std::vector<std::string>{"2001:db8::5"}),
            "http://localhost:80/v1, from other machines http://[2001:db8::5]:80/v1");
}

TEST(ApiAddresses, OwnOnesAreForOtherMachines) {
  for (const std::string& address : own_addresses(true)) {
    EXPECT_FALSE(address.starts_with("127.") || address == "::1" || address.starts_with("fe80")) << address;
  }
}

}  // namespace
}  // namespace exogpu::cli
