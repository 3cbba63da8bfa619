#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "base/testing/expect.h"
#include "base/testing/temp_dir.h"
#include "security/pairing/responder.h"
#include "security/testing/now.h"

namespace exogpu::security {
namespace {

using exogpu::testing::expect_error;
using exogpu::testing::TempDir;
using std::chrono::seconds;
using testing::kNow;

PairingCode code(std::string_view digits) { return PairingCode::parse(digits).value(); }

TEST(PairingCode, IsReadAsPeopleWriteIt) {
  for (const char* text : {"012345", "012 345", "012-345", " 01 23 45\n"}) EXPECT_EQ(code(text).digits(), "012345");
  EXPECT_EQ(code("012345").text(), "012 345");
  expect_error(PairingCode::parse("01234"), ErrorCode::invalid_argument, "this has 5");
  expect_error(PairingCode::parse("0123456"), ErrorCode::invalid_argument, "this has 7");
  expect_error(PairingCode::parse("01234a"), ErrorCode::invalid_argument, "digits");
  expect_error(PairingCode::parse(""), ErrorCode::invalid_argument, "this has 0");
}

TEST(PairingCode, EachDigitIsDrawn) {
  std::array<std::set<char>, kPairingDigits> drawn_digits;
  for (int i = 0; i < 1000; ++i) {
    const auto drawn = PairingCode::random().value();
    EXPECT_EQ(code(drawn.text()), drawn);
    for (size_t digit = 0; digit < kPairingDigits; ++digit) drawn_digits[digit].insert(drawn.digits()[digit]);
  }
  for (const auto& digits : drawn_digits) EXPECT_EQ(digits.size(), 10u);
}

// A member and a newcomer, and the messages between them.
class Pairing : public ::testing::Test {
 protected:
  Pairing() : store_(dir_ / "state"), responder_(Authority::create(kNow).value(), TokenStore(dir_ / "state")) {
    connection_.member = wire::NodeId(std::array<uint8_t, 16>{7});
    connection_.session.fill(std::byte{9});
  }

  struct Outcome {
    Result<Membership> newcomer = fail(ErrorCode::internal, "not asked");
    Result<wire::PairingGrant> member = fail(ErrorCode::internal, "not asked");
  };

  // Runs a pairing with `typed` and returns both ends' results. Messages are encoded and decoded.
  Outcome pair(const PairingCode& typed, WallTime now = kNow) { return pair(typed, connection_, connection_, now); }
  Outcome pair_by_own(const PairingCode& own, WallTime now = kNow) {
    return pair(own, connection_, connection_, now, wire::CodeFrom::newcomer);
  }
  Outcome pair(const PairingCode& typed, const PairingConnection& newcomer_connection,
               const PairingConnection& member_connection, WallTime now = kNow,
               wire::CodeFrom from = wire::CodeFrom::member) {
    Outcome outcome;
    auto [newcomer, hello] = PairingNewcomer::begin(typed, from).value();
    auto answered = pairing_.answer(again(hello), member_connection, now);
    if (!answered) {
      outcome.member = std::unexpected(answered.error());
      outcome.newcomer = std::unexpected(answered.error());
      return outcome;
    }
    const auto offer = again(answered->second);
    auto requester = JoinRequester::make(offer.answer->cluster).value();
    auto proof = newcomer.prove(offer, newcomer_connection, requester.request().certificate_request).value();
    proof.name = "laptop";
    outcome.member = pairing_.finish(std::move(answered->first), again(proof), now);
    wire::PairingResult result{.answer = outcome.member ? std::expected<wire::PairingGrant, Error>(*outcome.member)
                                                        : std::unexpected(outcome.member.error())};
    result = again(result);
    if (auto good = newcomer.check(result); !good) {
      outcome.newcomer = std::unexpected(good.error());
    } else {
      outcome.newcomer = std::move(requester).accept({.answer = result.answer->grant});
    }
    return outcome;
  }
  template <typename Message>
  static Message again(const Message& message) {
    return wire::decode<Message>(wire::encode(message)).value();
  }
  static PairingCode other_than(const PairingCode& shown) {
    while (true) {
      auto drawn = PairingCode::random().value();
      if (drawn != shown) return drawn;
    }
  }

  TempDir dir_;
  PairingStore store_;
  JoinResponder responder_;
  PairingResponder pairing_{responder_, store_};
  PairingConnection connection_;
};

TEST_F(Pairing, TheRightCodeMakesAMember) {
  const auto shown = store_.show(kNow).value();
  EXPECT_EQ(store_.outcome(shown, kNow).value(), PairingOutcome::shown);
  const auto outcome = pair(shown);
  ASSERT_TRUE(outcome.member) << outcome.member.error().message;
  ASSERT_TRUE(outcome.newcomer) << outcome.newcomer.error().message;
  EXPECT_EQ(outcome.newcomer->identity.cluster(), responder_.cluster());
  EXPECT_TRUE(outcome.newcomer->identity.certificate().signed_by(outcome.newcomer->identity.authority()));
  EXPECT_EQ(store_.outcome(shown, kNow).value(), PairingOutcome::paired);
  expect_error(pair(shown).member, ErrorCode::failed_precondition, "used up");
}

TEST_F(Pairing, AWrongCodeIsTheEndOfTheShownOne) {
  const auto shown = store_.show(kNow).value();
  const auto wrong = pair(other_than(shown));
  expect_error(wrong.member, ErrorCode::unauthenticated, "the code is wrong");
  expect_error(wrong.newcomer, ErrorCode::unauthenticated, "the code is wrong");
  EXPECT_EQ(store_.outcome(shown, kNow).value(), PairingOutcome::wrong);
  expect_error(pair(shown).newcomer, ErrorCode::failed_precondition, "used up");
}

// For any codes: equal ones succeed on both ends, different ones fail on both.
TEST_F(Pairing, OnlyEqualCodesAgree) {
  WallTime now = kNow;
  for (int run = 0; run < 12; ++run) {
    now += std::chrono::minutes(20);
    const auto shown = store_.show(now).value();
    const bool equal = run % 2 == 0;
    const auto outcome = pair(equal ? shown : other_than(shown), now);
    EXPECT_EQ(outcome.member.has_value(), equal);
    EXPECT_EQ(outcome.newcomer.has_value(), equal);
  }
  // Including codes that differ in one digit.
  for (size_t digit = 0; digit < kPairingDigits; ++digit) {
    now += std::chrono::minutes(20);
    std::string digits = store_.show(now).value().digits();
    digits[digit] = digits[digit] == '9' ? '0' : static_cast<char>(digits[digit] + 1);
    const auto outcome = pair(code(digits), now);
    EXPECT_FALSE(outcome.member);
    EXPECT_FALSE(outcome.newcomer);
  }
}

TEST_F(Pairing, OneInTheMiddleIsFoundOutThoughItPassesEverythingOn) {
  PairingConnection other_session = connection_;
  other_session.session[3] ^= std::byte{1};
  PairingConnection other_key = connection_;
  other_key.member = wire::NodeId(std::array<uint8_t, 16>{8});
  for (const auto& other : {other_session, other_key}) {
    const auto shown = store_.show(kNow).value();
    const auto outcome = pair(shown, other, connection_);
    expect_error(outcome.member, ErrorCode::unauthenticated, "interferes");
    EXPECT_FALSE(outcome.newcomer);
    EXPECT_EQ(store_.outcome(shown, kNow).value(), PairingOutcome::wrong);
  }
}

TEST_F(Pairing, ARequestThatIsSwappedOnTheWayIsFoundOut) {
  const auto shown = store_.show(kNow).value();
  auto [newcomer, hello] = PairingNewcomer::begin(shown).value();
  auto [pending, offer] = pairing_.answer(hello, connection_, kNow).value();
  const auto mine = JoinRequester::make(responder_.cluster()).value();
  const auto other = JoinRequester::make(responder_.cluster()).value();
  auto proof = newcomer.prove(offer, connection_, mine.request().certificate_request).value();
  proof.certificate_request = other.request().certificate_request;
  expect_error(pairing_.finish(std::move(pending), proof, kNow), ErrorCode::unauthenticated, "interferes");
}

TEST_F(Pairing, AMemberThatDoesNotKnowTheCodeIsNotBelieved) {
  const auto shown = code("123456");
  auto [newcomer, hello] = PairingNewcomer::begin(shown).value();
  auto [impostor, offer] = PairingMember::answer(code("654321"), hello, responder_.cluster(), connection_).value();
  const auto requester = JoinRequester::make(responder_.cluster()).value();
  const auto request = requester.request().certificate_request;
  const auto proof = newcomer.prove(offer, connection_, request).value();
  const wire::PairingGrant grant{.confirmation = proof.confirmation,
                                 .grant = responder_.grant(responder_.certify(request, kNow).value(), {}).value()};
  expect_error(newcomer.check({.answer = grant}), ErrorCode::unauthenticated, "does not know the code");
}

TEST_F(Pairing, WithoutAProofNothingIsUsedUp) {
  const auto shown = store_.show(kNow).value();
  auto [newcomer, hello] = PairingNewcomer::begin(shown).value();
  (void)pairing_.answer(hello, connection_, kNow).value();  // the newcomer disconnects
  auto broken = hello;
  broken.round_one[10] ^= std::byte{1};
  expect_error(pairing_.answer(broken, connection_, kNow), ErrorCode::corrupt, "does not belong to a pairing");
  auto [pending, offer] = pairing_.answer(hello, connection_, kNow).value();
  const auto request = JoinRequester::make(responder_.cluster()).value().request().certificate_request;
  auto proof = newcomer.prove(offer, connection_, request).value();
  proof.certificate_request.back() ^= std::byte{1};
  expect_error(pairing_.finish(std::move(pending), proof, kNow), ErrorCode::corrupt, "not signed with its own key");
  EXPECT_TRUE(pair(shown).newcomer);
}

TEST_F(Pairing, OfTwoGuessesAtOnceTheFirstCounts) {
  const auto shown = store_.show(kNow).value();
  auto [right, hello] = PairingNewcomer::begin(shown).value();
  auto [pending, offer] = pairing_.answer(hello, connection_, kNow).value();
  EXPECT_FALSE(pair(other_than(shown)).member);
  const auto request = JoinRequester::make(responder_.cluster()).value().request().certificate_request;
  const auto proof = right.prove(offer, connection_, request).value();
  expect_error(pairing_.finish(std::move(pending), proof, kNow), ErrorCode::failed_precondition, "used up");
}

TEST_F(Pairing, ACodeOfTheNewcomerThatIsApprovedMakesAMember) {
  const auto own = code("123456");
  expect_error(pair_by_own(own).member, ErrorCode::failed_precondition, "that device approves no code");
  EXPECT_EQ(store_.open(kNow), std::nullopt);
  ASSERT_TRUE(store_.approve(own, kNow));
  EXPECT_EQ(store_.open(kNow), wire::CodeFrom::newcomer);
  EXPECT_EQ(store_.newcomer(own).value(), "");
  const auto outcome = pair_by_own(own);
  ASSERT_TRUE(outcome.newcomer) << outcome.newcomer.error().message;
  EXPECT_EQ(store_.outcome(own, kNow).value(), PairingOutcome::paired);
  EXPECT_EQ(store_.newcomer(own).value(), "laptop");
  EXPECT_EQ(store_.open(kNow), std::nullopt);
  expect_error(pair_by_own(own).member, ErrorCode::failed_precondition, "used up");
  // Approved again, the code admits one more device, with its own name.
  ASSERT_TRUE(store_.approve(own, kNow));
  EXPECT_EQ(store_.newcomer(own).value(), "");
  const auto late = kNow + kPairingLifetime;
  EXPECT_EQ(store_.open(late), std::nullopt);
  expect_error(pair_by_own(own, late).member, ErrorCode::failed_precondition, "expired");
}

TEST_F(Pairing, CodesOfTheTwoSidesDoNotMix) {
  // The same digits, so that only the kind of code differs.
  const auto shown = store_.show(kNow).value();
  EXPECT_EQ(store_.open(kNow), wire::CodeFrom::member);
  expect_error(pair_by_own(shown).member, ErrorCode::failed_precondition, "that device approves no code");
  EXPECT_EQ(store_.outcome(shown, kNow).value(), PairingOutcome::shown);
  ASSERT_TRUE(store_.approve(shown, kNow));
  expect_error(pair(shown).member, ErrorCode::failed_precondition, "that device shows no pairing code");
  EXPECT_EQ(store_.outcome(shown, kNow).value(), PairingOutcome::shown);
  EXPECT_TRUE(pair_by_own(shown).newcomer);
}

TEST_F(Pairing, AWrongCodeOfANewcomerUsesTheApprovedOneUpAndCounts) {
  for (size_t i = 0; i < kWrongGuessesMax; ++i) {
    ASSERT_TRUE(store_.approve(code("123456"), kNow));
    const auto outcome = pair_by_own(code("123457"));
    expect_error(outcome.member, ErrorCode::unauthenticated, "the code is wrong");
    EXPECT_FALSE(outcome.newcomer);
    EXPECT_EQ(store_.outcome(code("123456"), kNow).value(), PairingOutcome::wrong);
    EXPECT_EQ(store_.newcomer(code("123456")).value(), "");
    expect_error(pair_by_own(code("123456")).member, ErrorCode::failed_precondition, "used up");
  }
  expect_error(store_.approve(code("123456"), kNow), ErrorCode::resource_exhausted, "guessing");
  expect_error(store_.show(kNow), ErrorCode::resource_exhausted, "guessing");
}

TEST_F(Pairing, ACodeThatAnOlderProgramShowedIsTheMembers) {
  const auto shown = store_.show(kNow).value();
  const auto file = dir_ / "state/pairing.json";
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  auto root = nlohmann::json::parse(text.str());
  root.erase("from");
  root.erase("newcomer");
  std::ofstream(file) << root;
  EXPECT_EQ(store_.open(kNow), wire::CodeFrom::member);
  EXPECT_TRUE(pair(shown).newcomer);
}

TEST_F(Pairing, ACodeEnds) {
  expect_error(pair(code("000000")).member, ErrorCode::failed_precondition, "that device shows no pairing code");
  const auto shown = store_.show(kNow).value();
  const auto late = kNow + kPairingLifetime;
  EXPECT_EQ(store_.outcome(shown, late).value(), PairingOutcome::expired);
  expect_error(pair(shown, late).member, ErrorCode::failed_precondition, "expired");
  const auto second = store_.show(kNow).value();
  EXPECT_EQ(store_.outcome(shown, kNow).value(), PairingOutcome::withdrawn);
  EXPECT_TRUE(store_.withdraw(second));
  expect_error(pair(second).member, ErrorCode::failed_precondition, "that device shows no pairing code");
}

TEST_F(Pairing, GuessesAreSlowedDown) {
  for (size_t i = 0; i < kWrongGuessesMax; ++i) EXPECT_FALSE(pair(other_than(store_.show(kNow).value())).member);
  expect_error(store_.show(kNow + seconds(1)), ErrorCode::resource_exhausted, "guessing");
  EXPECT_TRUE(store_.show(kNow + kWrongGuessesWithin));
}

TEST_F(Pairing, HellosWithoutAProofAreSlowedDown) {
  (void)store_.show(kNow).value();
  const auto hello = PairingNewcomer::begin(code("000000")).value().second;
  for (size_t i = 0; i < kPairingAnswersMax; ++i) EXPECT_TRUE(pairing_.answer(hello, connection_, kNow));
  expect_error(pairing_.answer(hello, connection_, kNow), ErrorCode::resource_exhausted, "wait");
  EXPECT_TRUE(pairing_.answer(hello, connection_, kNow + kPairingAnswersWithin));
  EXPECT_TRUE(pairing_.answer(hello, connection_, kNow - seconds(5))) << "a clock that was set back";
}

TEST_F(Pairing, OtherVersionsAreRefused) {
  (void)store_.show(kNow).value();
  auto hello = PairingNewcomer::begin(code("000000")).value().second;
  hello.versions = {.program = "9.9.9", .protocol_min = 907, .protocol_max = 909};
  expect_error(pairing_.answer(hello, connection_, kNow), ErrorCode::unsupported, "exogpu 9.9.9");
}

}  // namespace
}  // namespace exogpu::security
