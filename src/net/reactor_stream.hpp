// A TCP stream on Asio's reactor, for where the ring cannot be had: the same behaviour with owned buffers.
#pragma once

#include "net/socket_stream.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>
#include <optional>

namespace modelmesh::net {

class reactor_stream final : public socket_stream {
public:
    reactor_stream(engine& io, int socket, std::string peer);
    ~reactor_stream() override;

    result<io_status> try_receive(chunk& out) override;
    void park() noexcept override {} // waits exist only while somebody waits
    bool unpark() noexcept override;

private:
    bool readable() const noexcept override { return ended_ || error_ != 0; }
    void want_readable() override;
    void want_writable() override;
    void want_end() override;
    void forget_readable() noexcept override { watch_->cancel(); }
    void forget_writable() noexcept override { watch_->cancel(); }
    void detach() noexcept override;

    /// What a handler in Asio's queues holds on to.
    struct anchor {
        reactor_stream* stream;
    };
    void wait_over(boost::asio::posix::stream_descriptor::wait_type what, bool aborted);

    // Borrows the socket. Engaged while open: it must not outlive the event loop, which a stream may.
    std::optional<boost::asio::posix::stream_descriptor> watch_;
    std::shared_ptr<anchor> anchor_;
    bool read_watched_ = false;
    bool write_watched_ = false;
    bool may_receive_ = true; // false after a receive that emptied the socket
    bool ended_ = false;
    int error_ = 0; // the socket tells only once
};

} // namespace modelmesh::net
