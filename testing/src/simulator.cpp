// The server: accepts, reads requests with Beast, and sends the pieces of a reply as its rule says.
// One thread and one event loop; every connection is a coroutine, so thousands of slow streams cost little.
#include <modelmesh/testing/simulator.hpp>

#include "certificate.hpp"
#include "service.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <type_traits>
#include <unordered_set>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using detail::ending;

constexpr std::size_t largest_head = 64 * 1024;
constexpr std::size_t largest_body = 64 * 1024 * 1024;
constexpr std::size_t write_size = 64 * 1024; // pieces without a pause between them go out together
constexpr auto accept_pause = std::chrono::milliseconds(10);

/// What stop() needs of a connection whatever its transport.
class connection {
public:
    virtual ~connection() = default;
    virtual void abort() = 0;
};

/// The open connections. Changed on the server's thread only; `count` is read by any.
struct connection_list {
    std::unordered_set<connection*> all;
    std::atomic<std::size_t> count{0}; // relaxed: a number by itself, nothing is published with it
};

/// RST instead of FIN: what the peer of a killed process sees.
void reset(tcp::socket& socket) {
    error_code ignored;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
}

/// What a coroutine that nobody awaits does with a failure: the expected ones are error codes, so this is a
/// defect.
void rethrow(std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
}

template <class Stream> class session final : public connection {
    static constexpr bool is_tls = !std::is_same_v<Stream, tcp::socket>;

public:
    session(Stream stream, detail::service& service, connection_list& peers)
        : stream_(std::move(stream)), timer_(stream_.get_executor()), service_(service), peers_(peers) {
        peers_.all.insert(this);
        peers_.count.store(peers_.all.size(), std::memory_order_relaxed);
    }
    ~session() override {
        peers_.all.erase(this);
        peers_.count.store(peers_.all.size(), std::memory_order_relaxed);
    }
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    void abort() override {
        stopped_ = true;
        timer_.cancel();
        reset(socket());
    }

    /// The whole life of the connection. The parameter keeps the session alive across every suspension.
    static asio::awaitable<void> serve(std::shared_ptr<session> self) {
        error_code ec;
        self->socket().set_option(tcp::no_delay(true), ec);
        if constexpr (is_tls) {
            co_await self->stream_.async_handshake(asio::ssl::stream_base::server,
                                                   asio::redirect_error(asio::use_awaitable, ec));
            if (ec) co_return;
        }
        std::optional<ending> how;
        while (!how) how = co_await self->exchange();
        if (!self->stopped_) co_await self->finish(*how);
    }

private:
    tcp::socket& socket() {
        if constexpr (is_tls)
            return stream_.next_layer();
        else
            return stream_;
    }

    /// One request and its reply. Returns how the connection ends, or nothing when it goes on.
    asio::awaitable<std::optional<ending>> exchange() {
        http::request_parser<http::string_body> parser;
        parser.header_limit(largest_head);
        parser.body_limit(largest_body);
        error_code ec;
        co_await http::async_read_header(stream_, buffer_, parser,
                                         asio::redirect_error(asio::use_awaitable, ec));
        if (!ec && boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
            const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
            co_await asio::async_write(stream_, asio::buffer(go_on),
                                       asio::redirect_error(asio::use_awaitable, ec));
        }
        if (!ec)
            co_await http::async_read(stream_, buffer_, parser,
                                      asio::redirect_error(asio::use_awaitable, ec));

        const bool is_http_error =
            ec.category() == http::make_error_code(http::error::end_of_stream).category();
        if (ec && (!is_http_error || ec == http::error::end_of_stream || ec == http::error::partial_message))
            co_return ending::close; // the peer left: nothing is owed to it
        bool keep_alive = false;
        std::optional<detail::planned_reply> plan;
        if (ec) {
            plan.emplace(service_.refuse(ec == http::error::body_limit ? 413 : 400, ec.message()));
        } else {
            keep_alive = parser.get().keep_alive();
            plan.emplace(service_.respond(to_record(parser.get()), keep_alive));
        }
        const std::optional<ending> cut = co_await send(std::move(*plan));
        if (cut) co_return cut;
        if (keep_alive) co_return std::nullopt;
        co_return ending::close;
    }

    static recorded_request to_record(const http::request<http::string_body>& request) {
        recorded_request out;
        out.method = std::string(request.method_string());
        out.target = std::string(request.target());
        for (const auto& field : request)
            out.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
        out.body = request.body();
        return out;
    }

    /// Sends the reply as its rule says. Returns how the connection ends when the reply was cut or the peer
    /// is gone.
    asio::awaitable<std::optional<ending>> send(detail::planned_reply plan) {
        const detail::rule& how = plan.how;
        co_await pause(how.latency);
        std::optional<ending> cut;
        std::string pending;
        std::uint64_t bytes = 0, events = 0;
        while (!cut && !stopped_) {
            if (how.cut && how.cut->after_events == events) {
                cut = how.cut->how;
                break;
            }
            std::optional<detail::piece> piece = plan.content.next();
            if (!piece) break;
            if (piece->is_event && events++ != 0 && how.pace.count() != 0) {
                if (!co_await flush(pending)) co_return ending::close;
                co_await pause(how.pace);
            }
            if (how.cut && how.cut->after_bytes && bytes + piece->bytes.size() >= *how.cut->after_bytes) {
                piece->bytes.resize(*how.cut->after_bytes - bytes);
                cut = how.cut->how;
            }
            bytes += piece->bytes.size();
            pending += piece->bytes;
            if (pending.size() >= write_size && !co_await flush(pending)) co_return ending::close;
        }
        if (!co_await flush(pending)) co_return ending::close;
        co_return cut;
    }

    /// Writes what is pending. False: the peer is gone or the simulator stops.
    asio::awaitable<bool> flush(std::string& pending) {
        error_code ec;
        if (!pending.empty() && !stopped_)
            co_await asio::async_write(stream_, asio::buffer(pending),
                                       asio::redirect_error(asio::use_awaitable, ec));
        pending.clear();
        co_return !ec && !stopped_;
    }

    asio::awaitable<void> pause(std::chrono::milliseconds time) {
        if (time.count() == 0 || stopped_) co_return;
        error_code ignored; // abort() sets stopped_ when it cancels
        timer_.expires_after(time);
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

    asio::awaitable<void> finish(ending how) {
        error_code ec;
        if (how == ending::reset) {
            reset(socket());
            co_return;
        }
        if (how == ending::close) {
            if constexpr (is_tls) // sends close_notify, then waits for the peer's
                co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, ec));
        }
        if (how != ending::hang) socket().shutdown(tcp::socket::shutdown_send, ec);
        // Closing with unread bytes would turn the FIN into an RST, so the peer's bytes are read to their
        // end.
        std::array<char, 4096> ignored;
        while (!stopped_ && !ec)
            co_await socket().async_read_some(asio::buffer(ignored),
                                              asio::redirect_error(asio::use_awaitable, ec));
    }

    Stream stream_;
    asio::steady_timer timer_;
    detail::service& service_;
    connection_list& peers_;
    boost::beast::flat_buffer buffer_;
    bool stopped_ = false;
};

int choose_protocol(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* offered,
                    unsigned offered_length, void*) {
    static constexpr unsigned char http1[] = "\x08http/1.1";
    unsigned char* selected = nullptr;
    if (SSL_select_next_proto(&selected, length, http1, sizeof http1 - 1, offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

} // namespace

class simulator::impl {
public:
    explicit impl(const simulator_options& settings)
        : service_(settings), acceptor_(io_), accept_timer_(io_) {
        if (settings.tls) {
            const detail::identity identity = detail::make_identity();
            ca_pem_ = identity.ca_certificate;
            tls_.emplace(asio::ssl::context::tls_server);
            SSL_CTX_set_min_proto_version(tls_->native_handle(), TLS1_2_VERSION);
            tls_->use_certificate_chain(asio::buffer(identity.certificate));
            tls_->use_private_key(asio::buffer(identity.private_key), asio::ssl::context::pem);
            SSL_CTX_set_alpn_select_cb(tls_->native_handle(), choose_protocol, nullptr);
        }
        try {
            const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), settings.port);
            acceptor_.open(endpoint.protocol());
            acceptor_.set_option(tcp::acceptor::reuse_address(true));
            acceptor_.bind(endpoint);
            acceptor_.listen(asio::socket_base::max_listen_connections);
            port_ = acceptor_.local_endpoint().port();
        } catch (const boost::system::system_error& failure) {
            throw std::system_error(std::error_code(failure.code()),
                                    "simulator: cannot listen on 127.0.0.1:" + std::to_string(settings.port));
        }
        asio::co_spawn(io_, accept_loop(), rethrow);
        thread_ = std::thread([this] { io_.run(); });
    }

    void stop() {
        if (!thread_.joinable()) return;
        asio::post(io_, [this] {
            stopped_ = true;
            error_code ignored;
            acceptor_.close(ignored);
            accept_timer_.cancel();
            for (connection* peer : peers_.all) peer->abort();
        });
        thread_.join(); // run() returns when the last connection's coroutine has ended
    }

    std::uint16_t port() const noexcept { return port_; }
    std::string base_url() const {
        return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_) + "/v1";
    }
    const std::string& ca_pem() const noexcept { return ca_pem_; }
    std::vector<recorded_request> requests() const { return service_.requests(); }
    std::size_t connections() const { return peers_.count.load(std::memory_order_relaxed); }

private:
    template <class Stream> void start(Stream stream) {
        auto peer = std::make_shared<session<Stream>>(std::move(stream), service_, peers_);
        asio::co_spawn(io_, session<Stream>::serve(std::move(peer)), rethrow);
    }

    asio::awaitable<void> accept_loop() {
        while (!stopped_) {
            error_code ec;
            tcp::socket socket =
                co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, ec));
            if (stopped_) {
                reset(socket); // taken just before stop(): its peer must not see an orderly end
            } else if (ec) { // out of descriptors, or the peer left in the queue: the next one may do better
                accept_timer_.expires_after(accept_pause);
                co_await accept_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
            } else if (tls_) {
                start(asio::ssl::stream<tcp::socket>(std::move(socket), *tls_));
            } else {
                start(std::move(socket));
            }
        }
    }

    detail::service service_;
    connection_list peers_; // before io_: the loop's destructor ends coroutines that leave this list
    asio::io_context io_{1};
    tcp::acceptor acceptor_;
    asio::steady_timer accept_timer_;
    std::optional<asio::ssl::context> tls_;
    std::string ca_pem_;
    std::uint16_t port_ = 0;
    bool stopped_ = false;
    std::thread thread_;
};

std::string recorded_request::header(const std::string& header_name) const {
    for (const auto& [name, value] : headers)
        if (boost::beast::iequals(name, header_name)) return value;
    return {};
}

simulator::simulator(const options& settings) : impl_(std::make_unique<impl>(settings)) {}
simulator::~simulator() { stop(); }
std::uint16_t simulator::port() const noexcept { return impl_->port(); }
std::string simulator::base_url() const { return impl_->base_url(); }
std::string simulator::ca_pem() const { return impl_->ca_pem(); }
std::vector<recorded_request> simulator::requests() const { return impl_->requests(); }
std::size_t simulator::connections() const { return impl_->connections(); }
void simulator::stop() { impl_->stop(); }

} // namespace modelmesh::testing
