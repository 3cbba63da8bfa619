// The server over TLS.
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <fstream>

#include "api/testing/api_fixture.h"
#include "api/testing/tls_files.h"

namespace exogpu::api::testing {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;

// A blocking client that takes any certificate.
class TlsClient {
 public:
  explicit TlsClient(uint16_t port, int most = TLS1_3_VERSION) {
    SSL_set_max_proto_version(stream_.native_handle(), most);
    asio::connect(stream_.next_layer(), std::array{asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port)});
    const timeval timeout{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(stream_.next_layer().native_handle(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  }
  bool shake_hands() {
    boost::system::error_code failure;
    stream_.handshake(ssl::stream_base::client, failure);
    return !failure;
  }
  bool offers(const std::string& protocol) {
    const std::string list = static_cast<char>(protocol.size()) + protocol;
    SSL_set_alpn_protos(stream_.native_handle(), reinterpret_cast<const unsigned char*>(list.data()),
                        static_cast<unsigned>(list.size()));
    return shake_hands();
  }
  std::string name() {
    const std::unique_ptr<X509, decltype(&X509_free)> theirs(SSL_get1_peer_certificate(stream_.native_handle()),
                                                             &X509_free);
    std::array<char, 100> text{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(theirs.get()), NID_commonName, text.data(), text.size());
    return text.data();
  }
  void send(const std::string& text) { asio::write(stream_, asio::buffer(text)); }
  // All that comes until the server ends.
  std::string rest() {
    std::string all(1 << 20, ' ');
    boost::system::error_code ended;
    all.resize(asio::read(stream_, asio::buffer(all), ended));
    return all;
  }
  std::string some() {
    std::string part(64 * 1024, ' ');
    boost::system::error_code ended;
    part.resize(stream_.read_some(asio::buffer(part), ended));
    return part;
  }
  void close() {
    boost::system::error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  asio::io_context io_;
  ssl::context context_{ssl::context::tls_client};
  ssl::stream<asio::ip::tcp::socket> stream_{io_, context_};
};

class TlsApi : public Api {
 protected:
  void SetUp() override {
    write_certificate(options_.tls_certificate = folder_ / "api.crt", options_.tls_key = folder_ / "api.key", "first");
    serve(options_);
  }
  void TearDown() override {
    const auto begun = std::chrono::steady_clock::now();
    server_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s) << "the server stops";
  }
  exogpu::testing::TempDir folder_;
  ServerOptions options_;
};

TEST_F(TlsApi, RequestsAreAnsweredOneAfterTheOther) {
  EXPECT_TRUE(server_->url().starts_with("https://"));
  TlsClient client(port());
  ASSERT_TRUE(client.offers("http/1.1"));
  EXPECT_EQ(client.name(), "first");
  client.send(Client::request("GET", "/health"));
  EXPECT_TRUE(client.some().starts_with("HTTP/1.1 200"));
  client.send(
      Client::request("POST", kChat, chat_request("one two", {{"max_tokens", 3}}).dump(), "Connection: close\r\n"));
  const std::string reply = client.rest();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 200") && reply.contains("chat.completion")) << reply;
}

TEST_F(TlsApi, AStreamOfManyRecordsArrivesWhole) {
  TlsClient client(port());
  ASSERT_TRUE(client.shake_hands());
  const json request = chat_request("!fast x", {{"max_tokens", 5000}, {"stream", true}});
  client.send(Client::request("POST", kChat, request.dump(), "Connection: close\r\n"));
  const std::string reply = client.rest();
  EXPECT_TRUE(reply.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n")) << reply.size();
}

TEST_F(TlsApi, AClientThatDisconnectsStopsTheWork) {
  TlsClient client(port());
  ASSERT_TRUE(client.shake_hands());
  client.send(Client::request("POST", kChat, chat_request("!slow x", {{"max_tokens", 900}, {"stream", true}}).dump()));
  ASSERT_FALSE(client.some().empty());
  client.close();
  EXPECT_TRUE(soon([&] { return service_.cancelled == 1u; }));
}

TEST_F(TlsApi, OnlyTls13AndHttp11AreSpoken) {
  EXPECT_FALSE(TlsClient(port(), TLS1_2_VERSION).shake_hands());
  EXPECT_FALSE(TlsClient(port()).offers("h2"));
  Client plain(port());
  EXPECT_EQ(plain.get("/health").status, 200) << "a program of this machine";
  Client silent(port());
  Client garbage(port());
  garbage.send("\x16\x03\x01garbage that is no handshake");
  EXPECT_EQ(garbage.read().status, 0) << "the connection ends without a reply";
  expect_serving();
}

TEST_F(TlsApi, ACertificateThatChangesIsReadAgainAndABadOneIsNot) {
  const auto name_now = [&] {
    TlsClient client(port());
    return client.shake_hands() ? client.name() : std::string();
  };
  EXPECT_EQ(name_now(), "first");
  write_certificate(options_.tls_certificate, options_.tls_key, "second");
  std::filesystem::last_write_time(options_.tls_key, std::filesystem::file_time_type::clock::now() + 1h);
  EXPECT_TRUE(soon([&] { return name_now() == "second"; }));
  std::ofstream(options_.tls_certificate) << "garbage";
  std::filesystem::last_write_time(options_.tls_certificate, std::filesystem::file_time_type::clock::now() + 2h);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(name_now(), "second");
}

TEST(TlsStart, FilesThatCannotBeUsedAreNamed) {
  const exogpu::testing::TempDir folder;
  WordsService service;
  ServerOptions options;
  options.tls_certificate = folder / "api.crt";
  options.tls_key = folder / "api.key";
  const auto refused = [&](std::string_view words) {
    const auto server = Server::start(options, service);
    ASSERT_FALSE(server) << words;
    EXPECT_TRUE(server.error().message.contains(words)) << server.error().message;
  };
  refused("api.crt: cannot be used as the certificate");
  write_certificate(options.tls_certificate, options.tls_key, "a");
  write_certificate(options.tls_certificate, folder / "other.key", "b");
  refused("api.key");
  ::chmod(options.tls_key.c_str(), 0644);
  refused("chmod 600");
}

}  // namespace
}  // namespace exogpu::api::testing
