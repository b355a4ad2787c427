#include "support/connection.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

namespace modelmesh::bench {

poller::poller() : descriptor_(epoll_create1(EPOLL_CLOEXEC)) {
    if (descriptor_ < 0) throw std::runtime_error("epoll_create1 failed");
}

poller::~poller() { ::close(descriptor_); }

void poller::add(int descriptor, void* tag) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = tag;
    if (epoll_ctl(descriptor_, EPOLL_CTL_ADD, descriptor, &event) != 0)
        throw std::runtime_error("epoll_ctl failed");
}

void poller::watch_writes(int descriptor, void* tag, bool wanted) {
    epoll_event event{};
    event.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = tag;
    epoll_ctl(descriptor_, EPOLL_CTL_MOD, descriptor, &event);
}

std::span<const epoll_event> poller::wait(int timeout_ms) {
    const int count = epoll_wait(descriptor_, ready_.data(), static_cast<int>(ready_.size()), timeout_ms);
    return {ready_.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
}

connection::connection(poller& events, int socket, void* tag, ssl_ptr tls)
    : events_(events), socket_(socket), tag_(tag), tls_(std::move(tls)) {
    const int yes = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(socket_, F_SETFL, fcntl(socket_, F_GETFL) | O_NONBLOCK);
    if (tls_) SSL_set_fd(tls_.get(), socket_);
    events_.add(socket_, tag_);
}

connection::~connection() { ::close(socket_); }

bool connection::read(std::span<char> scratch, std::size_t& size) {
    size = 0;
    if (!tls_) {
        const ssize_t got = ::recv(socket_, scratch.data(), scratch.size(), 0);
        if (got > 0) size = static_cast<std::size_t>(got);
        return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
    }
    const int got = SSL_read_ex(tls_.get(), scratch.data(), scratch.size(), &size);
    if (got == 1) return true;
    const int why = SSL_get_error(tls_.get(), got);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

// Takes what was sent off the front of `bytes`.
bool connection::write(std::string_view& bytes) {
    is_blocked_ = false;
    while (!bytes.empty()) {
        if (tls_) {
            std::size_t sent = 0;
            const int done = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &sent);
            if (done != 1) {
                const int why = SSL_get_error(tls_.get(), done);
                is_blocked_ = why == SSL_ERROR_WANT_WRITE;
                return is_blocked_ || why == SSL_ERROR_WANT_READ; // the latter: the handshake is under way
            }
            bytes.remove_prefix(sent);
        } else {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0) {
                is_blocked_ = errno == EAGAIN;
                return is_blocked_;
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    return true;
}

bool connection::send(std::string_view bytes) {
    if (!pending_.empty()) {
        pending_.append(bytes);
        return true;
    }
    if (!write(bytes)) return false;
    pending_.assign(bytes);
    watch_writes(is_blocked_);
    return true;
}

bool connection::flush() {
    std::string_view rest = pending_;
    if (!write(rest)) return false;
    pending_.erase(0, pending_.size() - rest.size());
    watch_writes(is_blocked_);
    return true;
}

void connection::watch_writes(bool wanted) {
    if (std::exchange(is_watching_, wanted) != wanted) events_.watch_writes(socket_, tag_, wanted);
}

int connect_to(std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) throw std::runtime_error("no socket");
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        ::close(socket);
        throw std::runtime_error("connect to port " + std::to_string(port) + " failed");
    }
    return socket;
}

ssl_context_ptr client_context(const std::string& ca_file) {
    ssl_context_ptr context(SSL_CTX_new(TLS_client_method()));
    if (!context || SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1)
        throw std::runtime_error(ca_file + ": no authorities to trust");
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context.get(), 1); // one read() per record instead of two
    return context;
}

ssl_ptr client_tls(SSL_CTX* context) {
    ssl_ptr tls(SSL_new(context));
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls.get()), "127.0.0.1");
    SSL_set_connect_state(tls.get());
    return tls;
}

} // namespace modelmesh::bench
