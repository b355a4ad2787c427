// TLS over any stream: OpenSSL reads the chunks that the stream below lends, in place, and decrypts into
// pooled buffers that are lent upward in turn.
#pragma once

#include "net/buffer_pool.hpp"
#include "net/stream.hpp"
#include "net/tls_context.hpp"
#include "net/tls_server_context.hpp"
#include "net/url.hpp"

#include <memory>
#include <optional>
#include <string>

namespace modelmesh::net {

/// Either side of a connection. Unusable until handshake() has succeeded. An end of the connection below
/// without close_notify is a `connect` fault and no end: the reply may have been cut by somebody else.
class tls_stream final : public stream, private end_watcher {
public:
    tls_stream(std::unique_ptr<stream> below, buffer_pool& pool, std::shared_ptr<tls_context> context,
               const origin& where);
    /// The server's side. @param peer  names the client in messages.
    tls_stream(std::unique_ptr<stream> below, buffer_pool& pool, std::shared_ptr<tls_server_context> context,
               std::string peer);
    ~tls_stream() override;

    /// Errors: connect with OpenSSL's reason ("certificate verify failed: certificate has expired"), and
    /// those of the stream below. After an error the stream is closed.
    task<result<void>> handshake(time_point deadline);
    /// True when an earlier session was resumed.
    [[nodiscard]] bool resumed() const noexcept;
    [[nodiscard]] std::string_view protocol() const noexcept; ///< "TLSv1.3"
    [[nodiscard]] std::string_view alpn() const noexcept override;

    result<io_status> try_receive(chunk& out) override;
    [[nodiscard]] wait_operation wait_readable(time_point deadline) override;
    result<bool> try_send(gather& parts) override;
    [[nodiscard]] wait_operation wait_writable(time_point deadline) override;
    [[nodiscard]] send_progress progress() const noexcept override { return below_->progress(); }
    void send_last(std::string_view bytes) noexcept override;
    void end_output() noexcept override;
    void watch_end(end_watcher* who) override;
    void close() noexcept override;
    void reset() noexcept override;
    void park() noexcept override;
    bool unpark() noexcept override;

    /// From OpenSSL: the server has given us a session to resume; takes over one reference.
    void session_arrived(ssl_session_st* session);

private:
    struct bio; // OpenSSL's view of the stream below
    tls_stream(std::unique_ptr<stream> below, buffer_pool& pool, ssl_ctx_st* context, std::string peer);

    bool has_input();
    result<io_status> receive_below() noexcept;
    result<io_status> decrypt(chunk& out);
    std::optional<fault> seal(std::string_view plain);
    std::optional<fault> encrypt(gather& parts);
    fault handshake_fault(int code);
    fault record_fault(int code);
    fault fail(fault why);
    void say_goodbye() noexcept;
    void peer_has_gone() noexcept override;
    bool bytes_arrived() noexcept override;

    std::unique_ptr<stream> below_;
    buffer_pool::handle pool_;
    std::shared_ptr<tls_context> context_; // of a client
    std::shared_ptr<tls_server_context> server_context_;
    std::string peer_;
    ssl_st* ssl_ = nullptr;
    chunk input_;                       // ciphertext lent from below, read in place
    chunk ready_;                       // plaintext found by wait_readable
    std::string output_;                // ciphertext for the next send
    std::string sending_;               // ciphertext that is being handed down
    gather unsent_;                     // what is left of it
    std::optional<fault> below_fault_;  // why the BIO could not read, or write
    std::optional<fault> failure_;      // sticky: the stream is dead
    std::optional<fault> send_failure_; // sticky: nothing can be sent, but what has arrived can be read
    end_watcher* watcher_ = nullptr;
    bool established_ = false;
    bool below_ended_ = false;
    bool ended_ = false;
    bool is_closed_ = false;
};

} // namespace modelmesh::net
