// A channel over TLS and TCP.
#pragma once

#include <functional>
#include <memory>

#include "net/channel.h"
#include "net/session.h"
#include "net/tcp/tls_stream.h"

namespace exogpu::net {

// Exchanges hellos over a connection whose handshake is done, then passes the channel, or the error, to `done`. `done`
// is called once, later, on the stream's executor, whose thread is the channel's. The channel should be started in
// `done`.
//
// `admits` decides about the node that the certificate names: its error refuses the peer, and the peer receives it. It
// may be empty.
void open_tcp_channel(TlsStream stream, const LinkSelf& self, const ChannelOptions& options,
                      const std::function<Result<void>(wire::NodeId)>& admits,
                      std::function<void(Result<std::unique_ptr<Channel>>)> done);

}  // namespace exogpu::net
