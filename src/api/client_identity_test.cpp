#include "api/client_identity.h"

#include <gtest/gtest.h>

#include "api/stream_routes.h"

namespace exogpu::api {
namespace {

TEST(ClientIdentity, TheKeyIsInOneOfTwoFields) {
  EXPECT_EQ(presented_key("Bearer abc"), "abc");
  EXPECT_EQ(presented_key("bearer abc"), "abc");
  EXPECT_EQ(presented_key("Basic abc"), "");
  EXPECT_EQ(presented_key("Bearer "), "");
  EXPECT_EQ(presented_key(""), "");
  EXPECT_EQ(presented_key("", "xyz"), "xyz");
}

TEST(ClientIdentity, WithSeveralKeysEachIsAClientWhereverItIsUsed) {
  ServerOptions options;
  options.api_keys = {"a", "b"};
  EXPECT_EQ(client_identity("a", "10.0.0.1", options).id, client_identity("a", "10.0.0.2", options).id);
  EXPECT_NE(client_identity("a", "10.0.0.1", options).id, client_identity("b", "10.0.0.1", options).id);
  EXPECT_NE(client_identity("a", "", options).owner, client_identity("b", "", options).owner);
}

TEST(ClientIdentity, WithOneKeyOrNoneTheAddressCountsToo) {
  ServerOptions options;
  for (const bool keyed : {false, true}) {
    if (keyed) options.api_keys = {"a"};
    EXPECT_NE(client_identity("a", "10.0.0.1", options).id, client_identity("a", "10.0.0.2", options).id);
    EXPECT_EQ(client_identity("a", "10.0.0.1", options).id, client_identity("a", "10.0.0.1", options).id);
    EXPECT_EQ(client_identity("a", "10.0.0.1", options).owner, client_identity("a", "10.0.0.2", options).owner);
  }
}

TEST(ClientIdentity, AKeyThatIsNotAskedForOwnsNothing) {
  EXPECT_EQ(client_identity("made up", "", {}).owner, client_identity("", "", {}).owner);
}

TEST(StreamRoutes, TheIdIsTheLastDigitsOfAnAnswersId) {
  const wire::StreamId id(0x0123456789abcdef);
  EXPECT_EQ(stream_id_text(id), "0123456789abcdef");
  EXPECT_EQ(read_stream_target("0123456789abcdef", "")->stream, id);
  EXPECT_EQ(read_stream_target("chatcmpl-0123456789abcdef", "x=1&from=42")->stream, id);
  EXPECT_EQ(read_stream_target("chatcmpl-0123456789abcdef", "x=1&from=42")->from, 42U);
  EXPECT_FALSE(read_stream_target("", ""));
  EXPECT_FALSE(read_stream_target("0123456789abcdef", "from=x"));
}

}  // namespace
}  // namespace exogpu::api
