// TLS records in and out.
#include "net/tls_stream.hpp"

#include "core/cancellation.hpp"
#include "net/socket_stream.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;
namespace {

constexpr std::size_t record_size = SSL3_RT_MAX_PLAIN_LENGTH;
// How much ciphertext is collected before it is handed down: bounds the memory of a large upload.
constexpr std::size_t collect_limit = 4 * record_size;
// What a parked connection may keep for its next request.
constexpr std::size_t kept_output = 4096;
// From how many connections of an event loop on new ones spare memory rather than time.
constexpr std::size_t crowd = 256;
// What receiving may want to have sent, alerts and key updates, before the next send takes it along.
constexpr std::size_t reply_limit = 4096;

// Whether close_notify has gone out: the last record there is.
bool has_said_goodbye(const SSL* ssl) noexcept { return (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) != 0; }

} // namespace

struct tls_stream::bio {
    static tls_stream& home(BIO* b) { return *static_cast<tls_stream*>(BIO_get_data(b)); }

    static int read(BIO* b, char* out, int size) {
        BIO_clear_retry_flags(b);
        tls_stream& self = home(b);
        if (self.established_ && self.output_.size() > reply_limit) {
            self.below_fault_ = fault(errc::protocol, "receive from " + self.peer_ +
                                                          ": TLS: asked to answer again and again");
            return -1;
        }
        if (self.input_.empty()) {
            const auto status = self.receive_below();
            if (!status) {
                self.below_fault_ = status.error();
                return -1;
            }
            if (*status == io_status::would_block) {
                BIO_set_retry_read(b);
                return -1;
            }
            if (*status == io_status::end) {
                self.below_ended_ = true;
                return 0;
            }
        }
        const auto n = std::min(static_cast<std::size_t>(size), self.input_.bytes().size());
        std::memcpy(out, self.input_.bytes().data(), n);
        self.input_.consume(n);
        if (self.input_.empty()) self.input_.release(); // the buffer goes back before anyone waits
        return static_cast<int>(n);
    }
    static int write(BIO* b, const char* data, int size) {
        BIO_clear_retry_flags(b);
        tls_stream& self = home(b);
        try {
            self.output_.append(data, static_cast<std::size_t>(size));
        } catch (const std::bad_alloc&) { // OpenSSL is C, which an exception must not pass through
            self.below_fault_ = fault(errc::internal, "TLS: out of memory");
            return -1;
        }
        return size;
    }
    static long control(BIO* b, int command, long, void*) {
        if (command == BIO_CTRL_EOF) return home(b).below_ended_ ? 1 : 0;
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }
    static const BIO_METHOD* method() {
        // Made once, kept for the life of the program, like OpenSSL's own methods.
        static BIO_METHOD* const made = [] {
            BIO_METHOD* const m =
                BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "modelmesh stream");
            if (m == nullptr) throw std::bad_alloc();
            BIO_meth_set_read(m, &bio::read);
            BIO_meth_set_write(m, &bio::write);
            BIO_meth_set_ctrl(m, &bio::control);
            return m;
        }();
        return made;
    }
};

tls_stream::tls_stream(std::unique_ptr<stream> below, buffer_pool& pool, ssl_ctx_st* context,
                       std::string peer)
    : below_(std::move(below)), pool_(pool.share()), peer_(std::move(peer)), ssl_(SSL_new(context)) {
    BIO* const link = BIO_new(bio::method());
    if (ssl_ == nullptr || link == nullptr) {
        BIO_free(link);
        SSL_free(ssl_);
        throw std::bad_alloc();
    }
    BIO_set_data(link, this);
    BIO_set_init(link, 1);
    SSL_set_bio(ssl_, link, link);
    SSL_set_app_data(ssl_, this);
}

tls_stream::tls_stream(std::unique_ptr<stream> below, buffer_pool& pool, std::shared_ptr<tls_context> context,
                       const origin& where)
    : tls_stream(std::move(below), pool, context->native(), to_string(where)) {
    context_ = std::move(context);
    SSL_set_connect_state(ssl_);
    const std::string& name =
        context_->settings().server_name.empty() ? where.host : context_->settings().server_name;
    boost::system::error_code ec;
    asio::ip::make_address(name, ec);
    bool is_expected = false; // without a name, any certificate of a known authority would do
    if (ec) {                 // a name, not an address: RFC 6066 allows only names in SNI
        SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        is_expected =
            SSL_set_tlsext_host_name(ssl_, name.c_str()) == 1 && SSL_set1_host(ssl_, name.c_str()) == 1;
    } else {
        is_expected = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), name.c_str()) == 1;
    }
    if (!is_expected)
        fail(fault(errc::config, "connect to " + peer_ + ": TLS: unusable server name: " + name));
    context_->offer_session(peer_, ssl_);
}

tls_stream::tls_stream(std::unique_ptr<stream> below, buffer_pool& pool,
                       std::shared_ptr<tls_server_context> context, std::string peer)
    : tls_stream(std::move(below), pool, context->native(), std::move(peer)) {
    server_context_ = std::move(context);
    SSL_set_accept_state(ssl_);
}

tls_stream::~tls_stream() {
    close();
    SSL_free(ssl_);
}

void tls_stream::close() noexcept {
    if (is_closed_) return;
    is_closed_ = true;
    if (established_ && !failure_ && !send_failure_) {
        say_goodbye();
        // Closing in order or not, the session stays good: without this OpenSSL would spoil it.
        SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    } else if (unsent_.empty() && !output_.empty() && !has_said_goodbye(ssl_)) {
        below_->send_last(output_); // the alert that tells the peer why
    }
    ERR_clear_error();
    ready_.release();
    input_.release();
    below_->close();
}

void tls_stream::reset() noexcept {
    if (!is_closed_) below_->reset(); // before close() can say goodbye
    close();
}

// For OpenSSL, which is C: an exception must not pass through it.
result<io_status> tls_stream::receive_below() noexcept {
    try {
        return below_->try_receive(input_);
    } catch (const std::bad_alloc&) {
        return fault(errc::internal, "TLS: out of memory");
    }
}

void tls_stream::say_goodbye() noexcept {
    if (has_said_goodbye(ssl_)) return; // a second call would ask for the peer's, and answer what comes first
    ERR_clear_error();
    SSL_shutdown(ssl_);
    // Between two records only: a send in progress may have handed down half of one.
    if (unsent_.empty() && !output_.empty()) below_->send_last(output_);
    output_.clear();
}

void tls_stream::send_last(std::string_view bytes) noexcept {
    // Between two records only, see say_goodbye().
    if (is_closed_ || !established_ || failure_ || send_failure_ || !unsent_.empty()) return;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), record_size)))
        if (seal(bytes.substr(0, record_size))) return;
    if (!output_.empty()) below_->send_last(output_);
    output_.clear();
}

void tls_stream::end_output() noexcept {
    if (is_closed_ || !established_ || failure_ || send_failure_) return;
    say_goodbye();
    below_->end_output();
}

void tls_stream::watch_end(end_watcher* who) {
    watcher_ = who;
    below_->watch_end(who != nullptr ? this : nullptr);
}

void tls_stream::peer_has_gone() noexcept {
    if (watcher_ != nullptr) std::exchange(watcher_, nullptr)->peer_has_gone();
}

bool tls_stream::bytes_arrived() noexcept {
    if (is_closed_ || !ready_.empty()) return false;
    const auto status = decrypt(ready_);
    if (status && *status == io_status::would_block) return true; // a part of a record, or a key update
    if (!status || *status == io_status::end) peer_has_gone();
    return false;
}

bool tls_stream::resumed() const noexcept { return SSL_session_reused(ssl_) == 1; }
std::string_view tls_stream::protocol() const noexcept { return SSL_get_version(ssl_); }
std::string_view tls_stream::alpn() const noexcept {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

void tls_stream::session_arrived(SSL_SESSION* session) { context_->keep_session(peer_, session); }

fault tls_stream::fail(fault why) {
    failure_ = std::move(why);
    return *failure_;
}

fault tls_stream::handshake_fault(int code) {
    if (below_fault_) return fail(*below_fault_);
    std::string text = (context_ ? "connect to " : "accept from ") + peer_ + ": ";
    const long verdict = SSL_get_verify_result(ssl_);
    const bool verifies = context_ ? context_->settings().verify : server_context_->verifies_clients();
    if (verifies && verdict != X509_V_OK) {
        ERR_clear_error();
        text += "certificate verify failed: ";
        text += X509_verify_cert_error_string(verdict);
    } else if (below_ended_ || code == SSL_ERROR_SYSCALL || code == SSL_ERROR_ZERO_RETURN) {
        ERR_clear_error();
        text += "connection closed during the TLS handshake";
    } else {
        text += "TLS handshake failed: ";
        text += take_tls_error("unknown reason");
    }
    return fail(fault(errc::connect, std::move(text)));
}

fault tls_stream::record_fault(int code) {
    if (below_fault_) return fail(*below_fault_);
    std::string text = "receive from " + peer_ + ": ";
    if (below_ended_ || code == SSL_ERROR_SYSCALL) {
        ERR_clear_error();
        return fail(fault(errc::connect, text + "connection closed without TLS close_notify"));
    }
    return fail(fault(errc::protocol, text + "TLS: " + take_tls_error("unknown reason")));
}

task<result<void>> tls_stream::handshake(time_point deadline) {
    if (failure_) { // found before it began
        close();
        co_return *failure_;
    }
    for (;;) {
        ERR_clear_error();
        const int done = SSL_do_handshake(ssl_);
        const int code = SSL_get_error(ssl_, done);
        if (done != 1 && code != SSL_ERROR_WANT_READ) {
            fault why = handshake_fault(code);
            close();
            co_return why;
        }
        if (!output_.empty()) {
            sending_.clear();
            sending_.swap(output_);
            const result<void> sent = co_await below_->send(gather(sending_), deadline);
            if (!sent) {
                close();
                co_return sent.error();
            }
        }
        if (done == 1) break;
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        wait_outcome outcome = wait_outcome::canceled;
        if (!core::is_canceled(stop)) outcome = co_await below_->wait_readable(deadline);
        if (outcome != wait_outcome::ready) {
            close();
            co_return wait_fault(context_ ? "connect to" : "accept from", peer_, outcome);
        }
    }
    // OpenSSL can give a connection's record buffers back whenever they are empty: 34 KiB are most of a
    // stream at rest. It costs two allocations a message, so few connections keep them.
    if (pool_->handles() > crowd) SSL_set_mode(ssl_, SSL_MODE_RELEASE_BUFFERS);
    established_ = true;
    co_return result<void>();
}

// Whether reading from OpenSSL can tell anything new. Asking the stream below first is much cheaper than
// having OpenSSL find out, and most reads come when there is nothing.
bool tls_stream::has_input() {
    if (!input_.empty() || SSL_has_pending(ssl_) == 1) return true;
    const auto status = below_->try_receive(input_);
    return !status || *status != io_status::would_block; // an end or a failure is told again when it is read
}

// Fills one buffer with as many records as have arrived and fit.
result<io_status> tls_stream::decrypt(chunk& out) {
    out.release();
    if (failure_) return *failure_;
    if (ended_) return io_status::end;
    if (!has_input()) return io_status::would_block;
    buffer_pool::slot slot(*pool_);
    std::size_t size = 0;
    ERR_clear_error();
    while (size < buffer_pool::buffer_size && (size == 0 || has_input())) {
        std::size_t n = 0;
        const int ok = SSL_read_ex(ssl_, slot.data() + size, buffer_pool::buffer_size - size, &n);
        if (ok == 1) {
            size += n;
            continue;
        }
        const int code = SSL_get_error(ssl_, ok);
        if (code == SSL_ERROR_ZERO_RETURN)
            ended_ = true;
        else if (code != SSL_ERROR_WANT_READ)
            record_fault(code);
        break;
    }
    if (size != 0) {
        out = slot.lend(size); // a failure or the end is reported by the next call
        return io_status::ready;
    }
    if (failure_) return *failure_;
    return ended_ ? io_status::end : io_status::would_block;
}

result<io_status> tls_stream::try_receive(chunk& out) {
    if (is_closed_) {
        out.release();
        return fault(errc::canceled, "receive from " + peer_ + ": canceled");
    }
    if (!ready_.empty()) {
        out = std::move(ready_);
        return io_status::ready;
    }
    return decrypt(out);
}

// The stream below being readable may mean a part of a record or a session ticket: nothing to read yet.
wait_operation tls_stream::wait_readable(time_point deadline) {
    if (is_closed_) return wait_operation(wait_outcome::canceled);
    if (!ready_.empty()) return wait_operation(wait_outcome::ready);
    return below_->wait_readable(deadline);
}

wait_operation tls_stream::wait_writable(time_point deadline) { return below_->wait_writable(deadline); }

// @param plain  at most what one record holds.
std::optional<fault> tls_stream::seal(std::string_view plain) {
    std::size_t n = 0;
    ERR_clear_error();
    if (SSL_write_ex(ssl_, plain.data(), plain.size(), &n) == 1) return std::nullopt;
    if (below_fault_) return fail(*below_fault_);
    return fail(fault(errc::protocol, "send to " + peer_ + ": TLS: " + take_tls_error("unknown reason")));
}

// Turns plaintext into records until the collected output is large enough to hand down. Parts that fit into
// one record become one: a record costs more than copying what it holds.
std::optional<fault> tls_stream::encrypt(gather& parts) {
    std::size_t count = 0;
    std::size_t size = 0;
    for (const std::string_view part : parts.parts()) {
        if (!part.empty()) ++count;
        size += part.size();
    }
    if (count > 1 && size <= record_size) {
        buffer_pool::slot joined(*pool_);
        std::size_t filled = 0;
        for (const std::string_view part : parts.parts())
            filled += part.copy(joined.data() + filled, part.size());
        parts.consume(filled);
        return seal(std::string_view(joined.data(), filled));
    }
    for (std::string_view& part : parts.parts()) {
        while (!part.empty() && output_.size() < collect_limit) {
            const std::string_view record = part.substr(0, record_size);
            if (auto broken = seal(record)) return broken;
            part.remove_prefix(record.size());
        }
    }
    return std::nullopt;
}

result<bool> tls_stream::try_send(gather& parts) {
    if (is_closed_) return fault(errc::canceled, "send to " + peer_ + ": canceled");
    if (failure_) return *failure_;
    if (send_failure_) return *send_failure_;
    for (;;) {
        if (unsent_.empty()) {
            if (auto broken = encrypt(parts)) return *broken;
            // Receiving may add to output_ while what is being sent waits for room.
            sending_.clear();
            sending_.swap(output_);
            unsent_ = gather(sending_);
        }
        if (unsent_.empty()) return true;
        const result<bool> sent = below_->try_send(unsent_);
        if (!sent) {
            send_failure_ = sent.error(); // what has arrived can still be read
            return *send_failure_;
        }
        if (!*sent) return false;
    }
}

void tls_stream::park() noexcept {
    for (std::string* buffer : {&output_, &sending_})
        if (buffer->empty() || buffer == &sending_)
            if (buffer->capacity() > kept_output) std::string().swap(*buffer);
    below_->park();
}

bool tls_stream::unpark() noexcept {
    if (is_closed_ || failure_ || send_failure_ || ended_ || !ready_.empty()) return false;
    // Session tickets may have arrived meanwhile: they are no answer to anything, so they are taken first. The
    // stream below may not know of them before it is asked.
    for (int round = 0; round < 2; ++round) {
        const auto status = decrypt(ready_);
        if (!status || *status != io_status::would_block || SSL_has_pending(ssl_) != 0) return false;
        if (below_->unpark()) return true;
    }
    return false;
}

} // namespace modelmesh::net
