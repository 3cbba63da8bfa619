#include "net/mdns/announcement.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace exogpu::net {
namespace {

const wire::NodeId kNode(std::array<uint8_t, 16>{1, 2, 0xAB});
const wire::ClusterId kCluster(std::array<uint8_t, 16>{9});

Announcement good() {
  return {.node = kNode,
          .name = "desk",
          .version = "0.1.0",
          .cluster = kCluster,
          .port = 7766,
          .lets_in = true,
          .pairing = wire::CodeFrom::member};
}

std::vector<std::string> without(std::string_view field) {
  auto txt = txt_of(good());
  std::erase_if(txt, [&](const std::string& entry) { return entry.starts_with(field); });
  return txt;
}

void expect_refused(const std::vector<std::string>& txt, std::string_view words) {
  const auto announcement = announcement_of(kNode.text(), 7766, txt);
  ASSERT_FALSE(announcement) << "taken, but expected: " << words;
  EXPECT_EQ(announcement.error().code, ErrorCode::corrupt);
  EXPECT_NE(announcement.error().message.find(words), std::string::npos) << announcement.error().message;
}

TEST(Announcement, IsParsedAsItWasWritten) {
  using Pairing = std::optional<wire::CodeFrom>;
  for (const Pairing& pairing : {Pairing(), Pairing(wire::CodeFrom::member), Pairing(wire::CodeFrom::newcomer)}) {
    Announcement announcement = good();
    if (!pairing) announcement.cluster.reset();
    announcement.pairing = pairing;
    announcement.lets_in = !pairing;
    const auto parsed = announcement_of(kNode.text(), 7766, txt_of(announcement));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, announcement);
  }
}

TEST(Announcement, OlderProgramsTakeAnApprovalForNoCode) {
  Announcement announcement = good();
  const auto has = [&](std::string_view entry) { return std::ranges::contains(txt_of(announcement), entry); };
  EXPECT_TRUE(has("pairing=1"));
  announcement.pairing = wire::CodeFrom::newcomer;
  EXPECT_FALSE(has("pairing=1"));
  auto txt = txt_of(announcement);
  txt.back() = "pairing=later";
  EXPECT_EQ(announcement_of(kNode.text(), 7766, txt).value().pairing, std::nullopt);
}

TEST(Announcement, ALongNameIsCutAtACharacter) {
  Announcement announcement = good();
  announcement.name = "a";
  for (int i = 0; i < 100; ++i) announcement.name += "\u00e9\u20ac";
  const auto parsed = announcement_of(kNode.text(), 7766, txt_of(announcement));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_GT(parsed->name.size(), kAnnouncedNameBytesMax - 4);
  EXPECT_TRUE(announcement.name.starts_with(parsed->name));
}

TEST(Announcement, FieldsOfLaterProgramsAreSkipped) {
  auto txt = txt_of(good());
  txt.insert(txt.begin(), {"colour=blue", "flag", "=", ""});
  txt.emplace_back("name=second");
  txt[4] = "TXTVERS=1";
  const auto parsed = announcement_of(kNode.text(), 7766, txt);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, good());
}

TEST(Announcement, WhatIsNotOneIsRefused) {
  expect_refused({}, "layout");
  expect_refused(without("txtvers"), "layout");
  expect_refused(without("id"), "id");
  expect_refused(without("name"), "name");
  expect_refused(without("version"), "version");
  auto txt = without("name");
  txt.push_back("name=\x1b[2J");
  expect_refused(txt, "name");
  txt.back() = "name=\xff";
  expect_refused(txt, "name");
  txt.back() = "name=" + std::string(201, 'x');
  expect_refused(txt, "name");
  txt = without("cluster");
  txt.emplace_back("cluster=12");
  expect_refused(txt, "cluster");
  EXPECT_FALSE(announcement_of(kNode.text(), 0, txt_of(good())));
  EXPECT_FALSE(announcement_of(wire::NodeId().text(), 7766, txt_of(good())));
  EXPECT_FALSE(announcement_of(kNode.text() + " (2)", 7766, txt_of(good())));
}

}  // namespace
}  // namespace exogpu::net
