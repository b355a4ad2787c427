// A server that follows a script byte by byte, well-formed or not, over TCP or TLS on 127.0.0.1.
//
// Whatever departs from the script (other request bytes, bytes nobody expected, staged bytes that were never
// sent, a connection without a script) is a failure, collected while the threads run and handed out by
// finish().
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace support {

/// One end of one accepted connection: blocking, plain or TLS.
class server_socket;
class http2_peer;
class scripted_server;

/// What the server does on one connection, step by step. Ends by waiting for the client to close.
class script {
public:
    /// Reads as many bytes as these and compares.
    script& expect(std::string bytes);
    /// Reads one request, head and content-length body, and records it.
    script& read_request();
    /// Answers each request with its target, until the client is gone.
    script& echo_requests();
    /// Reads one request with a chunked body, and records its head with the joined body behind it.
    script& read_chunked_request();
    /// Reads until the client is gone and looks at none of it.
    script& discard_rest();
    script& send(std::string bytes);
    /// Waits until the client's system has all that was sent.
    script& delivered();
    /// As far as the client wants them.
    script& send_until_gone(std::string bytes);
    /// Sends in two writes with a pause of the network between them, so that they arrive apart.
    script& send_apart(std::string bytes, std::size_t cut);
    /// Under TLS: waits before the handshake, until the test calls resume(name).
    script& hold_handshake(std::string name);
    /// Waits until the test calls resume(name).
    script& pause(std::string name);
    /// Speaks HTTP/2 until the client is gone or the peer closes.
    script& serve(std::shared_ptr<http2_peer> peer);
    /// Connects to a port of 127.0.0.1 and carries bytes both ways until either end closes: what a proxy does
    /// once it has answered CONNECT.
    script& relay(std::uint16_t port);
    /// Closes in order; under TLS with close_notify.
    script& close();
    /// Closes TCP in order, but under TLS without close_notify.
    script& cut();
    /// Closes with a TCP reset.
    script& reset();
    /// Ends the sending direction and goes on reading.
    script& half_close();

private:
    friend class scripted_server;
    using step = std::function<void(scripted_server&, server_socket&)>;
    std::string held_;
    std::vector<step> steps_;
};

/// The ways in which a connection ends.
enum class ending : std::uint8_t { close, cut, reset, half_close };
inline constexpr ending every_ending[] = {ending::close, ending::cut, ending::reset, ending::half_close};

[[nodiscard]] inline script ended(script so_far, ending how) {
    switch (how) {
    case ending::close:
        return so_far.close();
    case ending::cut:
        return so_far.cut();
    case ending::reset:
        return so_far.reset();
    case ending::half_close:
        return so_far.half_close().discard_rest();
    }
    return so_far;
}

class scripted_server {
public:
    enum class transport { plain, tls };

    explicit scripted_server(transport kind);
    /// Ends every connection. Failures that finish() has not handed out are lost: call it.
    ~scripted_server();
    scripted_server(const scripted_server&) = delete;
    scripted_server& operator=(const scripted_server&) = delete;

    /// Chooses this protocol when clients offer it by ALPN. Before the first connection.
    void choose_by_alpn(std::string protocol);
    /// The script of the next connection that has none yet.
    void add(script s);
    /// The script of every connection for which there is no other.
    void otherwise(script s);
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] bool is_tls() const noexcept { return context_ != nullptr; }
    /// The certificate that clients must trust, PEM; made at start, for 127.0.0.1 and localhost.
    [[nodiscard]] const std::string& certificate() const noexcept { return certificate_; }

    /// Whether a connection is held by pause(name).
    [[nodiscard]] bool is_paused(const std::string& name) const;
    void resume(const std::string& name);

    [[nodiscard]] std::vector<std::string> requests() const;
    [[nodiscard]] std::size_t accepted() const; ///< connections, ever

    /// Stops accepting, waits for every script to come to its end, and gives what went wrong.
    /// @pre the client has closed its connections, or the scripts do.
    [[nodiscard]] std::vector<std::string> finish();

private:
    friend class script;
    struct context_free {
        void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    };

    void accept_all();
    [[nodiscard]] std::string receive_request(server_socket& socket, bool may_be_none);
    void play(script s, int descriptor);
    void fail(std::string what);
    void wait_for_resume(const std::string& name);
    void stop_accepting() noexcept;

    std::unique_ptr<SSL_CTX, context_free> context_;
    std::string certificate_;
    std::string alpn_; // with its length, as ALPN lists them
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::thread acceptor_;

    mutable std::mutex mutex_; // guards what follows
    std::condition_variable changed_;
    std::deque<script> scripts_;
    std::optional<script> otherwise_;
    std::vector<std::thread> players_;
    std::set<int> open_; // descriptors of running scripts, to wake them in the destructor
    std::set<std::string> paused_;
    std::set<std::string> resumed_;
    std::vector<std::string> requests_;
    std::vector<std::string> failures_;
    std::size_t accepted_ = 0;
    bool stopping_ = false;
};

} // namespace support
