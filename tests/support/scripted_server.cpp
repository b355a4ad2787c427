#include "support/scripted_server.hpp"

#include "support/http2_peer.hpp"
#include "support/identity.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace support {
namespace {

template <auto Free> struct freer {
    template <class T> void operator()(T* p) const noexcept { Free(p); }
};
template <class T, auto Free> using owned = std::unique_ptr<T, freer<Free>>;

// Only a failing test is ever waited for this long.
constexpr std::chrono::seconds patience(20);

[[noreturn]] void throw_errno(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void check(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(what);
}

// Fresh for every server.
std::string install_certificate(SSL_CTX* context) {
    // Whoever trusts two of these servers tells them apart by name.
    static std::atomic<unsigned> count{0};
    const std::string name = "scripted server " + std::to_string(++count);
    const identity own(name.c_str(), "IP:127.0.0.1,DNS:localhost", nullptr);
    check(SSL_CTX_use_certificate(context, own.certificate()) == 1, "use certificate");
    check(SSL_CTX_use_PrivateKey(context, own.key()) == 1, "use key");
    return own.pem();
}

std::string quote(std::string_view bytes) {
    constexpr std::size_t longest = 400;
    std::string text = "\"";
    for (const char c : bytes.substr(0, longest)) {
        if (c == '\r')
            text += "\\r";
        else if (c == '\n')
            text += "\\n";
        else
            text += c;
    }
    return text + (bytes.size() > longest ? "\"..." : "\"");
}

} // namespace

class server_socket {
public:
    server_socket(int descriptor, SSL_CTX* context) : descriptor_(descriptor) {
        if (context == nullptr) return;
        ssl_.reset(SSL_new(context));
        SSL_set_fd(ssl_.get(), descriptor_);
    }
    server_socket(const server_socket&) = delete;
    server_socket& operator=(const server_socket&) = delete;

    [[nodiscard]] bool handshake() { return !ssl_ || SSL_accept(ssl_.get()) == 1; }

    /// Up to `size` bytes, none when the client has closed or the connection is lost.
    std::string receive(std::size_t size) {
        // A TLS record has 16 KiB at most: room for a large rest each time would cost more than reading it.
        std::string bytes(std::min<std::size_t>(size, 64 * 1024), '\0');
        const ssize_t got = ssl_ ? SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                                 : ::recv(descriptor_, bytes.data(), bytes.size(), 0);
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return bytes;
    }
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                                      : ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    /// Waits until there is something to receive here (true) or on the other descriptor.
    bool wait_readable(int other) {
        if (ssl_ && SSL_pending(ssl_.get()) > 0) return true;
        std::array<pollfd, 2> both{{{descriptor_, POLLIN, 0}, {other, POLLIN, 0}}};
        while (::poll(both.data(), both.size(), -1) < 0 && errno == EINTR) {
        }
        return both[0].revents != 0;
    }
    /// False: not within patience, or the connection is lost.
    bool wait_delivered() const {
        const auto limit = std::chrono::steady_clock::now() + patience;
        for (int waiting = 1; std::chrono::steady_clock::now() < limit; std::this_thread::yield()) {
            if (::ioctl(descriptor_, SIOCOUTQ, &waiting) != 0) return false;
            if (waiting == 0) return true;
        }
        return false;
    }
    void end_tls() {
        if (ssl_) SSL_shutdown(ssl_.get());
    }
    void end_sending() {
        end_tls();
        ::shutdown(descriptor_, SHUT_WR);
    }
    /// The descriptor itself is closed by its owner; what is unread then follows the end with a reset.
    void end_both() {
        ::shutdown(descriptor_, SHUT_RDWR);
        is_over_ = true;
    }
    void reset_on_close() {
        const linger hard{1, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        is_over_ = true;
    }
    [[nodiscard]] bool is_over() const noexcept { return is_over_; }

private:
    int descriptor_;
    owned<SSL, SSL_free> ssl_;
    bool is_over_ = false;
};

script& script::expect(std::string bytes) {
    steps_.emplace_back([bytes = std::move(bytes)](scripted_server& server, server_socket& socket) {
        std::string got;
        while (got.size() < bytes.size()) {
            const std::string more = socket.receive(bytes.size() - got.size());
            if (more.empty()) break;
            got += more;
        }
        if (got != bytes) server.fail("expected " + quote(bytes) + ", got " + quote(got));
    });
    return *this;
}

// One request, recorded; empty when there is none.
std::string scripted_server::receive_request(server_socket& socket, bool may_be_none) {
    constexpr std::string_view head_end = "\r\n\r\n";
    constexpr std::string_view length_field = "\r\ncontent-length: ";
    std::string got;
    std::size_t wanted = 0; // known once the head is there
    // Byte by byte in the head, so that bytes after the request stay unread for the next step to notice.
    while (wanted == 0 || got.size() < wanted) {
        const std::string more = socket.receive(wanted == 0 ? 1 : wanted - got.size());
        if (more.empty()) {
            if (!got.empty() || !may_be_none) fail("the client closed inside a request: " + quote(got));
            return {};
        }
        got += more;
        if (wanted != 0 || !got.ends_with(head_end)) continue;
        wanted = got.size();
        std::string lower = got;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        const std::size_t at = lower.find(length_field);
        if (at == std::string::npos) continue;
        std::size_t length = 0;
        std::from_chars(lower.data() + at + length_field.size(), lower.data() + lower.size(), length);
        wanted += length;
    }
    const std::lock_guard lock(mutex_);
    requests_.push_back(got);
    changed_.notify_all();
    return got;
}

script& script::read_request() {
    steps_.emplace_back([](scripted_server& server, server_socket& socket) {
        static_cast<void>(server.receive_request(socket, false));
    });
    return *this;
}

script& script::echo_requests() {
    steps_.emplace_back([](scripted_server& server, server_socket& socket) {
        for (;;) {
            const std::string got = server.receive_request(socket, true);
            if (got.empty()) return;
            const std::size_t begin = got.find(' ') + 1;
            const std::string target = got.substr(begin, got.find(' ', begin) - begin);
            const bool is_sent = socket.send(
                "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(target.size()) + "\r\n\r\n" + target);
            if (!is_sent) return server.fail("the client was gone before its answer");
        }
    });
    return *this;
}

script& script::read_chunked_request() {
    steps_.emplace_back([](scripted_server& server, server_socket& socket) {
        std::string got;
        std::string failure;
        // Byte by byte, as far as a line goes.
        const auto line_at = [&](std::size_t from, std::string_view end) {
            while (got.size() < from + end.size() || !got.ends_with(end)) {
                const std::string more = socket.receive(1);
                if (more.empty()) failure = "the client closed inside a request";
                if (!failure.empty()) return;
                got += more;
            }
        };
        line_at(0, "\r\n\r\n");
        if (got.find("\r\nTransfer-Encoding: chunked\r\n") == std::string::npos) failure = "not chunked";
        while (failure.empty()) {
            const std::size_t begin = got.size();
            line_at(begin, "\r\n");
            if (!failure.empty()) break;
            std::size_t size = 0;
            const auto end = std::from_chars(got.data() + begin, got.data() + got.size(), size, 16).ptr;
            if (end != got.data() + got.size() - 2) failure = "a bad chunk size";
            got.resize(begin);
            while (failure.empty() && got.size() < begin + size) {
                const std::string more = socket.receive(begin + size - got.size());
                if (more.empty()) failure = "the client closed inside a chunk";
                got += more;
            }
            const std::size_t end_of_data = got.size();
            line_at(end_of_data, "\r\n");
            if (failure.empty() && got.size() != end_of_data + 2) failure = "a chunk is longer than its size";
            got.resize(end_of_data);
            if (size == 0) break;
        }
        if (!failure.empty()) return server.fail(failure + ": " + quote(got));
        const std::lock_guard lock(server.mutex_);
        server.requests_.push_back(std::move(got));
        server.changed_.notify_all();
    });
    return *this;
}

script& script::discard_rest() {
    steps_.emplace_back([](scripted_server&, server_socket& socket) {
        while (!socket.receive(65536).empty()) {
        }
    });
    return *this;
}

script& script::send(std::string bytes) {
    steps_.emplace_back([bytes = std::move(bytes)](scripted_server& server, server_socket& socket) {
        if (!socket.send(bytes)) server.fail("the client was gone before " + quote(bytes) + " was sent");
    });
    return *this;
}

script& script::delivered() {
    steps_.emplace_back([](scripted_server& server, server_socket& socket) {
        if (!socket.wait_delivered()) server.fail("the client's system did not take what was sent");
    });
    return *this;
}

script& script::send_until_gone(std::string bytes) {
    steps_.emplace_back([bytes = std::move(bytes)](scripted_server&, server_socket& socket) {
        static_cast<void>(socket.send(bytes));
    });
    return *this;
}

script& script::send_apart(std::string bytes, std::size_t cut) {
    steps_.emplace_back([bytes = std::move(bytes), cut](scripted_server& server, server_socket& socket) {
        const std::string_view all = bytes;
        bool sent = socket.send(all.substr(0, cut));
        // Long enough for the client to read; if it does not, the bytes arrive together, which is right as
        // well.
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        sent = sent && socket.send(all.substr(cut));
        if (!sent) server.fail("the client was gone before " + quote(bytes) + " was sent");
    });
    return *this;
}

script& script::hold_handshake(std::string name) {
    held_ = std::move(name);
    return *this;
}

script& script::pause(std::string name) {
    steps_.emplace_back(
        [name = std::move(name)](scripted_server& server, server_socket&) { server.wait_for_resume(name); });
    return *this;
}

script& script::serve(std::shared_ptr<http2_peer> peer) {
    steps_.emplace_back([peer = std::move(peer)](scripted_server& server, server_socket& socket) {
        try {
            for (std::string bytes = peer->start();;) {
                const bool is_sent = bytes.empty() || socket.send(bytes);
                if (!is_sent || peer->is_closed()) break;
                const std::string received = socket.receive(65536);
                if (received.empty()) return;
                bytes = peer->receive(received);
            }
        } catch (const std::exception& e) {
            server.fail(std::string("HTTP/2: ") + e.what());
        }
        socket.end_tls();
        socket.end_both();
    });
    return *this;
}

script& script::relay(std::uint16_t port) {
    steps_.emplace_back([port](scripted_server& server, server_socket& socket) {
        const int origin = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        server_socket far(origin, nullptr);
        if (::connect(origin, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            server.fail("the origin does not listen");
        for (bool is_open = true; is_open;) {
            const bool from_client = socket.wait_readable(origin);
            server_socket& from = from_client ? socket : far;
            const std::string bytes = from.receive(65536);
            is_open = !bytes.empty() && (from_client ? far : socket).send(bytes);
        }
        ::close(origin);
        socket.end_tls();
        socket.end_both();
    });
    return *this;
}

script& script::close() {
    steps_.emplace_back([](scripted_server&, server_socket& socket) {
        socket.end_tls();
        socket.end_both();
    });
    return *this;
}

script& script::cut() {
    steps_.emplace_back([](scripted_server&, server_socket& socket) { socket.end_both(); });
    return *this;
}

script& script::reset() {
    steps_.emplace_back([](scripted_server&, server_socket& socket) { socket.reset_on_close(); });
    return *this;
}

script& script::half_close() {
    steps_.emplace_back([](scripted_server&, server_socket& socket) { socket.end_sending(); });
    return *this;
}

scripted_server::scripted_server(transport kind) {
    std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes without MSG_NOSIGNAL
    if (kind == transport::tls) {
        context_.reset(SSL_CTX_new(TLS_server_method()));
        check(context_ != nullptr, "TLS context");
        certificate_ = install_certificate(context_.get());
    }
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener_ < 0) throw_errno("socket");
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0) throw_errno("listen");
    ::getsockname(listener_, generic, &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
}

scripted_server::~scripted_server() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (const int descriptor : open_) ::shutdown(descriptor, SHUT_RDWR);
        changed_.notify_all();
    }
    stop_accepting();
    for (std::thread& player : players_) player.join();
}

void scripted_server::stop_accepting() noexcept {
    if (!acceptor_.joinable()) return;
    ::shutdown(listener_, SHUT_RDWR); // accept() returns
    acceptor_.join();
    ::close(listener_);
}

void scripted_server::choose_by_alpn(std::string protocol) {
    if (!context_) return;
    alpn_ = static_cast<char>(protocol.size()) + protocol;
    const auto choose = [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                           unsigned offered_size, void* wanted) {
        const auto& own = *static_cast<const std::string*>(wanted);
        unsigned char* chosen = nullptr;
        const int found =
            SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(own.data()),
                                  static_cast<unsigned>(own.size()), offered, offered_size);
        *out = chosen;
        return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
    };
    SSL_CTX_set_alpn_select_cb(context_.get(), choose, &alpn_);
}

void scripted_server::add(script s) {
    const std::lock_guard lock(mutex_);
    scripts_.push_back(std::move(s));
}

void scripted_server::otherwise(script s) {
    const std::lock_guard lock(mutex_);
    otherwise_ = std::move(s);
}

void scripted_server::accept_all() {
    for (;;) {
        const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (descriptor < 0) {
            if (errno == EINTR || errno == ECONNABORTED) continue;
            return;
        }
        const int on = 1;
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const std::lock_guard lock(mutex_);
        ++accepted_;
        if (scripts_.empty() && otherwise_) scripts_.push_back(*otherwise_);
        if (scripts_.empty() || stopping_) {
            failures_.emplace_back("a connection that the script does not have");
            ::close(descriptor);
            continue;
        }
        open_.insert(descriptor);
        players_.emplace_back(&scripted_server::play, this, std::move(scripts_.front()), descriptor);
        scripts_.pop_front();
    }
}

void scripted_server::play(script s, int descriptor) {
    {
        server_socket socket(descriptor, context_.get());
        const bool is_held = !s.held_.empty();
        if (is_held) wait_for_resume(s.held_);
        const bool is_up = socket.handshake();
        if (!is_up && !is_held) fail("the TLS handshake failed");
        if (is_up)
            for (const script::step& step : s.steps_) step(*this, socket);
        if (is_up && !socket.is_over()) {
            const std::string more = socket.receive(4096);
            if (!more.empty()) fail("bytes that the script does not have: " + quote(more));
        }
        ERR_clear_error();
    }
    const std::lock_guard lock(mutex_);
    open_.erase(descriptor);
    ::close(descriptor);
    changed_.notify_all();
}

void scripted_server::fail(std::string what) {
    const std::lock_guard lock(mutex_);
    failures_.push_back(std::move(what));
}

void scripted_server::wait_for_resume(const std::string& name) {
    std::unique_lock lock(mutex_);
    paused_.insert(name);
    changed_.notify_all();
    changed_.wait(lock, [&] { return stopping_ || resumed_.contains(name); });
    paused_.erase(name);
}

bool scripted_server::is_paused(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return paused_.contains(name);
}

void scripted_server::resume(const std::string& name) {
    const std::lock_guard lock(mutex_);
    resumed_.insert(name);
    changed_.notify_all();
}

std::vector<std::string> scripted_server::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

std::size_t scripted_server::accepted() const {
    const std::lock_guard lock(mutex_);
    return accepted_;
}

std::vector<std::string> scripted_server::finish() {
    stop_accepting();
    std::vector<std::thread> players;
    {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, patience, [this] { return open_.empty(); })) {
            failures_.emplace_back("a script did not come to its end");
            stopping_ = true;
            for (const int descriptor : open_) ::shutdown(descriptor, SHUT_RDWR);
            changed_.notify_all();
        }
        players.swap(players_);
    }
    for (std::thread& player : players) player.join();
    const std::lock_guard lock(mutex_);
    if (!scripts_.empty())
        failures_.push_back(std::to_string(scripts_.size()) + " scripts had no connection");
    return std::exchange(failures_, {});
}

} // namespace support
