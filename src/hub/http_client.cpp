#include "hub/http_client.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <format>
#include <limits>

#include "base/utf8.h"
#include "wire/version.h"

namespace exogpu::hub {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using TlsStream = asio::ssl::stream<beast::tcp_stream>;

constexpr uint32_t kHeaderBytesMax = 64 * KiB;

std::unexpected<Error> transport_error(const std::string& host, std::string_view activity, const error_code& error) {
  if (error == asio::error::operation_aborted) return fail(ErrorCode::cancelled, "{}: {} was stopped", host, activity);
  if (error == beast::error::timeout) {
    return fail(ErrorCode::deadline_exceeded, "{}: {} took too long; is the network up?", host, activity);
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message || error == asio::error::eof ||
      error == asio::ssl::error::stream_truncated || error == asio::error::connection_reset) {
    return fail(ErrorCode::unavailable, "{}: the connection broke", host);
  }
  if (error.category() == make_error_code(http::error::bad_version).category()) {
    return fail(ErrorCode::corrupt, "{}: what it answers is not HTTP ({})", host, printable(error.message()));
  }
  return fail(ErrorCode::unavailable, "{}: {} failed ({}); is the network up?", host, activity,
              printable(error.message()));
}

std::string request_text(const HttpRequest& request) {
  std::string text = std::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: exogpu/{}\r\nAccept-Encoding: identity\r\nConnection: close\r\n",
      request.url.target, request.url.authority(), wire::own_versions().program);
  for (const auto& [name, value] : request.headers) {
    text += name + ": ";
    for (const char c : value) text += static_cast<unsigned char>(c) < ' ' ? ' ' : c;  // a line end would begin another
    text += "\r\n";
  }
  return text + "\r\n";
}

}  // namespace

struct HttpReply::Impl {
  Impl(std::string name, const HttpOptions& given) : host(std::move(name)), options(given) {
    parser.header_limit(kHeaderBytesMax);
    parser.body_limit(std::numeric_limits<uint64_t>::max());
  }

  beast::tcp_stream& socket() { return tls ? tls->next_layer() : *plain; }

  // Runs one operation to its end: `begin` starts it with the handler that it is given.
  template <typename Begin>
  error_code wait(std::chrono::milliseconds limit, Begin&& begin) {
    error_code result;
    if (options.stop.stop_requested()) return asio::error::operation_aborted;
    socket().expires_after(limit);
    begin([&result](const error_code& error, auto&&...) { result = error; });
    context.restart();
    const std::stop_callback on_stop(options.stop, [this] { asio::post(context, [this] { socket().cancel(); }); });
    context.run();
    return options.stop.stop_requested() && result ? asio::error::operation_aborted : result;
  }

  // The same for both kinds of stream.
  template <typename Begin>
  error_code wait_on_stream(std::chrono::milliseconds limit, Begin&& begin) {
    return wait(limit, [&](auto handler) { tls ? begin(*tls, handler) : begin(*plain, handler); });
  }

  Result<void> connect(const Url& url) {
    asio::ip::tcp::resolver resolver(context);
    error_code error;
    const auto addresses = resolver.resolve(url.host, std::to_string(url.port), error);
    if (error) {
      return fail(ErrorCode::unavailable, "{}: this host's address cannot be found ({}); is the network up?", host,
                  printable(error.message()));
    }
    error = wait(options.connect, [&](auto handler) { socket().async_connect(addresses, handler); });
    if (error) return transport_error(host, "connecting", error);
    return {};
  }

  Result<void> handshake(const Url& url) {
    error_code error;
    if (asio::ip::make_address(url.host, error); error) {  // a name, not an address
      SSL_set_tlsext_host_name(tls->native_handle(), url.host.c_str());
    }
    tls->set_verify_callback(asio::ssl::host_name_verification(url.host), error);
    error = wait(options.connect, [&](auto handler) { tls->async_handshake(asio::ssl::stream_base::client, handler); });
    if (!error) return {};
    if (const long why = SSL_get_verify_result(tls->native_handle()); why != X509_V_OK) {
      return fail(ErrorCode::permission_denied,
                  "{}: its certificate is not trusted ({}); install ca-certificates, or name the authority's file with "
                  "SSL_CERT_FILE",
                  host, X509_verify_cert_error_string(why));
    }
    if (error.category() == asio::error::get_ssl_category()) {
      return fail(ErrorCode::permission_denied, "{}: no TLS connection ({}); does its certificate name this host?",
                  host, printable(error.message()));
    }
    return transport_error(host, "the TLS handshake", error);
  }

  std::string host;  // and port, for messages
  HttpOptions options;
  asio::io_context context;
  std::shared_ptr<asio::ssl::context> trust;  // outlives the stream
  std::optional<beast::tcp_stream> plain;
  std::optional<TlsStream> tls;
  beast::flat_buffer buffer{1 * MiB};
  http::response_parser<http::buffer_body> parser;
};

HttpReply::HttpReply(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpReply::HttpReply(HttpReply&&) noexcept = default;
HttpReply& HttpReply::operator=(HttpReply&&) noexcept = default;
HttpReply::~HttpReply() = default;

unsigned HttpReply::status() const { return impl_->parser.get().result_int(); }

std::string HttpReply::header(std::string_view name) const {
  const auto& fields = impl_->parser.get();
  const auto at = fields.find({name.data(), name.size()});
  return at == fields.end() ? "" : std::string(at->value());
}

std::optional<Bytes> HttpReply::content_length() const {
  const auto length = impl_->parser.content_length();
  return length ? std::optional<Bytes>(*length) : std::nullopt;
}

Result<size_t> HttpReply::read(std::span<std::byte> into) {
  auto& parser = impl_->parser;
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = into.data();
    body.size = into.size();
    body.more = true;
    const error_code error = impl_->wait_on_stream(impl_->options.silence, [&](auto& stream, auto handler) {
      http::async_read_some(stream, impl_->buffer, parser, handler);
    });
    const size_t got = into.size() - parser.get().body().size;
    if (got > 0) return got;  // an error comes again at the next call
    if (error && error != http::error::need_buffer) return transport_error(impl_->host, "reading", error);
  }
  return size_t{0};
}

struct HttpClient::Impl {
  HttpOptions options;
  std::shared_ptr<asio::ssl::context> trust;
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpClient> HttpClient::make(const HttpOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->trust = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(impl->trust->native_handle(), TLS1_2_VERSION);
  error_code error;
  impl->trust->set_verify_mode(asio::ssl::verify_peer, error);
  if (!error) impl->trust->set_default_verify_paths(error);
  if (error) return fail(ErrorCode::internal, "the system's certificates cannot be used: {}", error.message());
  return HttpClient(std::move(impl));
}

Result<HttpReply> HttpClient::get(const HttpRequest& request) {
  auto reply = std::make_unique<HttpReply::Impl>(request.url.authority(), impl_->options);
  if (request.url.secure) {
    reply->trust = impl_->trust;
    reply->tls.emplace(reply->context, *reply->trust);
  } else {
    reply->plain.emplace(reply->context);
  }
  EXO_CHECK(reply->connect(request.url));
  if (request.url.secure) EXO_CHECK(reply->handshake(request.url));

  const std::string text = request_text(request);
  error_code error = reply->wait_on_stream(impl_->options.silence, [&](auto& stream, auto handler) {
    asio::async_write(stream, asio::buffer(text), handler);
  });
  if (error) return transport_error(reply->host, "sending", error);
  error = reply->wait_on_stream(impl_->options.silence, [&](auto& stream, auto handler) {
    http::async_read_header(stream, reply->buffer, reply->parser, handler);
  });
  if (error) return transport_error(reply->host, "waiting for the answer", error);
  return HttpReply(std::move(reply));
}

}  // namespace exogpu::hub
