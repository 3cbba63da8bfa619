#include "net/tcp/join.h"

#include <gtest/gtest.h>

#include "base/testing/temp_dir.h"
#include "net/testing/tcp_node.h"
#include "security/identity_store.h"

namespace exogpu::net {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using exogpu::testing::TempDir;

class JoinOverTcp : public ::testing::Test {
 protected:
  JoinOverTcp() {
    const security::IdentityStore store(dir_ / "founder");
    EXPECT_TRUE(store.load_or_found(now_of_the_wall()));
    authority_.emplace(store.authority().value());
    founder_.emplace(io_, *authority_);
  }
  ~JoinOverTcp() override {
    // The server's thread may still refer to a connection of this loop.
    if (server_) server_.reset();
  }
  void open_desk() {
    server_ = std::make_unique<JoinServer>(
        security::JoinResponder(security::IdentityStore(dir_ / "founder").authority().value(), tokens_), codes_);
    founder_->listen(server_.get());
  }
  security::JoinToken token(uint32_t uses = 1) {
    return tokens_.issue(authority_->cluster(), {.lifetime = 1h, .uses = uses}, now_of_the_wall()).value();
  }
  Result<security::Membership> join(const security::JoinToken& token) {
    return join(token, founder_->listener->port());
  }
  Result<security::Membership> join(const security::JoinToken& token, uint16_t port) {
    std::optional<Result<security::Membership>> result;
    join_cluster(io_.get_executor(), "127.0.0.1", port, token,
                 [&](Result<security::Membership> joined) { result = std::move(joined); });
    run_until(io_, [&] { return result.has_value(); });
    return result ? *std::move(result) : fail(ErrorCode::internal, "the test took too long");
  }
  Result<security::Membership> pair(const security::PairingCode& code) {
    return pair(code, founder_->listener->port());
  }
  Result<security::Membership> pair(const security::PairingCode& code, uint16_t port) {
    return pair(PairingCall{.code = code}, port).membership;
  }
  PairingEnd pair(const PairingCall& call) { return pair(call, founder_->listener->port()); }
  PairingEnd pair(const PairingCall& call, uint16_t port) {
    std::optional<PairingEnd> end;
    pair_with(io_.get_executor(), "127.0.0.1", port, call, [&](PairingEnd ended) { end = std::move(ended); });
    run_until(io_, [&] { return end.has_value(); });
    return end ? *std::move(end) : PairingEnd{.membership = fail(ErrorCode::internal, "the test took too long")};
  }
  void expect_refused(const Result<security::Membership>& result, ErrorCode code, std::string_view words) {
    ASSERT_FALSE(result) << "accepted, but expected: " << words;
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_TRUE(result.error().message.contains(words)) << result.error().message;
  }

  TempDir dir_;
  boost::asio::io_context io_;
  security::TokenStore tokens_{dir_ / "founder"};
  security::PairingStore codes_{dir_ / "founder"};
  std::optional<security::Authority> authority_;
  std::unique_ptr<JoinServer> server_;
  std::optional<TcpNode> founder_;
};

TEST_F(JoinOverTcp, ATokenMakesAMemberThatCanConnect) {
  open_desk();
  // Encoded and parsed, as if a person copied it.
  const auto carried = security::JoinToken::parse(token().text());
  ASSERT_TRUE(carried);
  const auto joined = join(*carried);
  ASSERT_TRUE(joined) << joined.error().message;
  ASSERT_TRUE(security::IdentityStore(dir_ / "newcomer").adopt(*joined, false));

  TcpNode newcomer(io_, *authority_);
  newcomer.identity = *security::IdentityStore(dir_ / "newcomer").load().value();
  newcomer.tls = security::TlsContext::for_node(newcomer.identity).value();
  newcomer.self.node = newcomer.identity.node();
  auto channel = newcomer.connect(newcomer.to(*founder_));
  ASSERT_TRUE(channel) << channel.error().message;
  EXPECT_EQ((*channel)->peer().node, founder_->identity.node());
}

TEST_F(JoinOverTcp, TokensThatDoNotServeAreRefused) {
  open_desk();
  const auto once = token();
  ASSERT_TRUE(join(once));
  expect_refused(join(once), ErrorCode::unauthenticated, "the token is used up");
  auto invented = once;
  invented.secret[0] ^= std::byte{1};
  expect_refused(join(invented), ErrorCode::unauthenticated, "does not know this token");
  ASSERT_TRUE(tokens_.revoke_all());
}

TEST_F(JoinOverTcp, AnImpostorNeverSeesTheSecret) {
  open_desk();
  auto elsewhere = token();
  elsewhere.cluster = security::Authority::create(now_of_the_wall()).value().cluster();
  expect_refused(join(elsewhere), ErrorCode::unauthenticated, "its certificate belongs to another cluster");
  elsewhere.cluster = authority_->cluster();
  EXPECT_TRUE(join(elsewhere)) << "the token was not used";
}

TEST_F(JoinOverTcp, ANodeWithoutTheAuthorityRefuses) {
  founder_->listen();
  expect_refused(join(token()), ErrorCode::failed_precondition, "ask another node of the cluster");
}

TEST_F(JoinOverTcp, SeveralMayJoinAtOnce) {
  open_desk();
  const auto shared = token(5);
  int joined = 0, refused = 0;
  for (int i = 0; i < 8; ++i) {
    join_cluster(io_.get_executor(), "127.0.0.1", founder_->listener->port(), shared,
                 [&](const Result<security::Membership>& answer) { ++(answer ? joined : refused); });
  }
  run_until(io_, [&] { return joined + refused == 8; });
  EXPECT_EQ(joined, 5);
}

TEST_F(JoinOverTcp, NoListenerIsAnErrorThatNamesTheAddress) {
  open_desk();
  const auto where = std::format("127.0.0.1:{}", founder_->listener->port());
  std::optional<Result<security::Membership>> result;
  const uint16_t port = founder_->listener->port();
  founder_->listener.reset();
  join_cluster(io_.get_executor(), "127.0.0.1", port, token(),
               [&](Result<security::Membership> joined) { result = std::move(joined); });
  run_until(io_, [&] { return result.has_value(); });
  expect_refused(*result, ErrorCode::unavailable, where + ": cannot be reached");
}

TEST_F(JoinOverTcp, ACodeMakesAMemberToo) {
  open_desk();
  const auto paired = pair(codes_.show(now_of_the_wall()).value());
  ASSERT_TRUE(paired) << paired.error().message;
  EXPECT_EQ(paired->identity.cluster(), authority_->cluster());
  EXPECT_TRUE(paired->identity.certificate().signed_by(authority_->certificate()));
}

TEST_F(JoinOverTcp, AnAdmittedNodeAdmitsTheNextByTokenAndByCode) {
  open_desk();
  const auto second = pair(codes_.show(now_of_the_wall()).value());
  ASSERT_TRUE(second) << second.error().message;
  founder_->listener.reset();  // offline for good
  server_.reset();
  // Restarts from its own state folder.
  const security::IdentityStore store(dir_ / "second");
  ASSERT_TRUE(store.adopt(*second, false));
  const security::TokenStore tokens(dir_ / "second");
  const security::PairingStore codes(dir_ / "second");
  server_ = std::make_unique<JoinServer>(security::JoinResponder(store.authority().value(), tokens), codes);
  TcpNode member(io_, *authority_);
  member.identity = *store.load().value();
  member.tls = security::TlsContext::for_node(member.identity).value();
  member.listen(server_.get());
  const auto third = pair(codes.show(now_of_the_wall()).value(), member.listener->port());
  ASSERT_TRUE(third) << third.error().message;
  const auto given = tokens.issue(member.identity.cluster(), {}, now_of_the_wall()).value();
  const auto fourth = join(given, member.listener->port());
  ASSERT_TRUE(fourth) << fourth.error().message;
  for (const auto* joined : {&*third, &*fourth}) {
    EXPECT_TRUE(joined->identity.certificate().signed_by(authority_->certificate()));
    EXPECT_TRUE(joined->authority);
  }
}

TEST_F(JoinOverTcp, AWrongCodeIsRefusedAndUsesTheShownOneUp) {
  open_desk();
  const auto shown = codes_.show(now_of_the_wall()).value();
  std::string digits = shown.digits();
  digits[0] = digits[0] == '1' ? '2' : '1';
  expect_refused(pair(security::PairingCode::parse(digits).value()), ErrorCode::unauthenticated, "the code is wrong");
  EXPECT_EQ(codes_.outcome(shown, now_of_the_wall()).value(), security::PairingOutcome::wrong);
  expect_refused(pair(shown), ErrorCode::failed_precondition, "used up");
}

TEST_F(JoinOverTcp, ACodeOfTheNewcomerMakesAMemberToo) {
  open_desk();
  const auto code = security::PairingCode::random().value();
  const PairingCall call{.code = code, .from = wire::CodeFrom::newcomer, .name = "laptop"};
  const auto early = pair(call);
  expect_refused(early.membership, ErrorCode::failed_precondition, "that device approves no code");
  EXPECT_FALSE(early.guessed);
  ASSERT_TRUE(codes_.approve(code, now_of_the_wall()));
  const auto paired = pair(call);
  ASSERT_TRUE(paired.membership) << paired.membership.error().message;
  EXPECT_TRUE(paired.membership->authority);
  EXPECT_EQ(codes_.newcomer(code).value(), "laptop");
}

TEST_F(JoinOverTcp, AWrongCodeOfTheNewcomerIsUsedUpOnBothSides) {
  open_desk();
  const auto code = security::PairingCode::parse("123456").value();
  ASSERT_TRUE(codes_.approve(security::PairingCode::parse("123457").value(), now_of_the_wall()));
  const PairingCall call{.code = code, .from = wire::CodeFrom::newcomer, .name = {}};
  const auto wrong = pair(call);
  expect_refused(wrong.membership, ErrorCode::unauthenticated, "the code is wrong");
  EXPECT_TRUE(wrong.guessed);
  const auto again = pair(call);
  expect_refused(again.membership, ErrorCode::failed_precondition, "used up");
  EXPECT_FALSE(again.guessed);
}

TEST_F(JoinOverTcp, ACodeFromTheOtherSideIsNotTried) {
  open_desk();
  const auto shown = codes_.show(now_of_the_wall()).value();
  const auto own = pair(PairingCall{.code = shown, .from = wire::CodeFrom::newcomer, .name = {}});
  expect_refused(own.membership, ErrorCode::failed_precondition, "that device approves no code");
  EXPECT_FALSE(own.guessed);
  EXPECT_EQ(codes_.outcome(shown, now_of_the_wall()).value(), security::PairingOutcome::shown);
  ASSERT_TRUE(codes_.approve(shown, now_of_the_wall()));
  expect_refused(pair(shown), ErrorCode::failed_precondition, "that device shows no pairing code");
  EXPECT_EQ(codes_.outcome(shown, now_of_the_wall()).value(), security::PairingOutcome::shown);
}

TEST_F(JoinOverTcp, WithoutACodeOrAResponderPairingIsRefused) {
  open_desk();
  const auto code = security::PairingCode::parse("123456").value();
  expect_refused(pair(code), ErrorCode::failed_precondition, "that device shows no pairing code");
  TcpNode without(io_, *authority_);
  without.listen();
  expect_refused(pair(code, without.listener->port()), ErrorCode::failed_precondition, "cannot admit newcomers");
}

}  // namespace
}  // namespace exogpu::net
