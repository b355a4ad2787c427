// The part of a TCP stream that both engines share.
#include "net/socket_stream.hpp"

#include <boost/asio/post.hpp>

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/sockios.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;
namespace {

std::string sentence(std::string_view verb, std::string_view peer) {
    std::string text(verb);
    text += ' ';
    text += peer;
    text += ": ";
    return text;
}

} // namespace

fault system_fault(std::string_view verb, std::string_view peer, int error) {
    std::string text = sentence(verb, peer);
    std::string reason = std::generic_category().message(error);
    if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z')
        reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
    text += reason;
    return {errc::connect, std::move(text)};
}

fault wait_fault(std::string_view verb, std::string_view peer, wait_outcome outcome) {
    const bool late = outcome == wait_outcome::timed_out;
    std::string text = sentence(verb, peer);
    text += late ? "timed out" : "canceled";
    return {late ? errc::timed_out : errc::canceled, std::move(text)};
}

socket_stream::socket_stream(engine& io, int socket, std::string peer)
    : engine_(&io), socket_(socket), life_(std::make_shared<life>()), reader_(io, *this), writer_(io, *this) {
    life_->peer = std::move(peer);
}

socket_stream::~socket_stream() = default; // derived classes have closed: detach() is theirs

void socket_stream::close() noexcept {
    if (!is_open()) return;
    life_->over = true;
    corked_send::unlink();
    detach();
    // Operations of the ring hold a reference to the socket: closing alone would leave the connection up.
    ::shutdown(socket_, SHUT_RDWR);
    ::close(std::exchange(socket_, -1));
    hook_ = nullptr;
    if (std::exchange(watcher_, nullptr) != nullptr && engine_ != nullptr) engine_->work_removed();
    reader_.complete(wait_outcome::canceled);
    writer_.complete(wait_outcome::canceled);
    if (engine_ != nullptr) --engine_->tally().open_streams;
}

// SO_LINGER would do nothing here: close() shuts the socket down in order first, and has to.
void socket_stream::reset() noexcept {
    if (!is_open()) return;
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    ::connect(socket_, &nobody, sizeof nobody); // Linux: dissolves the connection with an RST
    close();
}

void socket_stream::leave_engine() noexcept {
    life_->over = true;
    corked_send::unlink();
    if (is_open()) {
        detach();
        ::shutdown(socket_, SHUT_RDWR);
        ::close(std::exchange(socket_, -1));
        --engine_->tally().open_streams;
    }
    engine_ = nullptr;
    hook_ = nullptr;
    watcher_ = nullptr;
    list_hook::unlink();
}

void socket_stream::gave_up(waiter& which, wait_outcome why) noexcept {
    if (!is_open()) return;
    if (&which == &reader_) return forget_readable();
    send_error_ = EPIPE; // half a message may be out
    may_wait_on_ = why == wait_outcome::timed_out;
    corked_send::unlink();
    forget_writable();
}

void socket_stream::when_writable(writable_hook& hook) {
    hook_ = &hook;
    want_writable();
    engine_->turn_later();
}

void socket_stream::notify_writable() noexcept {
    if (hook_ != nullptr) std::exchange(hook_, nullptr)->writable();
    writer_.complete(wait_outcome::ready);
}

wait_operation socket_stream::wait_readable(time_point deadline) {
    if (!is_open()) return wait_operation(wait_outcome::canceled);
    if (readable()) return reader_.pass();
    want_readable();
    return reader_.wait(deadline);
}

wait_operation socket_stream::wait_writable(time_point deadline) {
    if (!is_open()) return wait_operation(wait_outcome::canceled);
    if (std::exchange(may_wait_on_, false)) send_error_ = 0;
    if (corked_ != nullptr)
        engine_->cork(*this);
    else
        want_writable();
    return writer_.wait(deadline);
}

void socket_stream::watch_end(end_watcher* who) {
    if (!is_open() || watcher_ == who) return;
    const bool was_watched = std::exchange(watcher_, who) != nullptr;
    if (who == nullptr) return engine_->work_removed();
    if (!was_watched) engine_->work_added();
    want_end();
}

void socket_stream::notify_end() noexcept {
    if (watcher_ == nullptr) return;
    end_watcher* const told = std::exchange(watcher_, nullptr);
    engine_->work_removed();
    told->peer_has_gone();
}

void socket_stream::notify_end_later() {
    asio::post(engine_->context(), [this, held = life_] {
        if (!held->over) notify_end();
    });
}

void socket_stream::end_output() noexcept {
    if (is_open()) ::shutdown(socket_, SHUT_WR);
}

result<bool> socket_stream::try_send(gather& parts) {
    constexpr std::string_view verb = "send to";
    if (!is_open()) return wait_fault(verb, peer(), wait_outcome::canceled);
    may_wait_on_ = false;
    const bool waits = send_error_ == 0 && !parts.empty() && engine_->corks();
    corked_ = waits ? &parts : nullptr;
    if (!waits && send_error_ == 0 && send_now(parts)) return true;
    if (send_error_ != 0) return system_fault(verb, peer(), send_error_);
    return false;
}

void socket_stream::uncork() {
    const bool is_sent = send_now(*std::exchange(corked_, nullptr));
    if (is_sent || send_error_ != 0) return writer_.complete(wait_outcome::ready);
    want_writable();
}

bool socket_stream::send_now(gather& parts) noexcept {
    while (!parts.empty()) {
        std::array<iovec, gather::capacity> vectors;
        std::size_t count = 0;
        for (const std::string_view part : parts.parts())
            if (!part.empty()) vectors[count++] = iovec{const_cast<char*>(part.data()), part.size()};
        msghdr message{};
        message.msg_iov = vectors.data();
        message.msg_iovlen = count;
        ++engine_->tally().sends;
        const ssize_t sent = ::sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            parts.consume(static_cast<std::size_t>(sent));
            sent_ += static_cast<std::uint64_t>(sent);
        } else if (errno != EINTR) {
            if (errno != EAGAIN) send_error_ = errno;
            return false;
        }
    }
    return true;
}

send_progress socket_stream::progress() const noexcept {
    int queued = 0;
    if (!is_open() || ::ioctl(socket_, SIOCOUTQ, &queued) != 0) return {sent_, sent_};
    return {sent_, sent_ - std::min(sent_, static_cast<std::uint64_t>(queued))};
}

void socket_stream::send_last(std::string_view bytes) noexcept {
    if (!is_open() || send_error_ != 0) return;
    ++engine_->tally().sends;
    static_cast<void>(::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

long socket_stream::receive_now(char* memory, std::size_t size) noexcept {
    ++engine_->tally().receives;
    for (;;) {
        const ssize_t r = ::recv(socket_, memory, size, MSG_DONTWAIT);
        if (r >= 0) return r;
        if (errno != EINTR) return -errno;
    }
}

bool socket_stream::peer_is_silent() const noexcept {
    char byte = 0;
    ++engine_->tally().receives;
    return ::recv(socket_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && (errno == EAGAIN || errno == EINTR);
}

bool socket_stream::has_ended() const noexcept {
    char byte = 0;
    ++engine_->tally().receives;
    const ssize_t r = ::recv(socket_, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return r == 0 || (r < 0 && errno != EAGAIN && errno != EINTR);
}

} // namespace modelmesh::net
