// What either end sends is harmed on its way, at every byte: bits change, and connections end. It is noticed by
// whoever should, nothing is asked for twice, and the next request is served.
#include "fixture.hpp"

#include "net/client.hpp"
#include "support/identity.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <vector>

namespace modelmesh::net::testing {
namespace {

enum class side { client, server };
enum class harm { flip, close, reset };

/// Carries the bytes of one connection after the other to a port of 127.0.0.1 and back, both ends' ends included.
class relay {
public:
    explicit relay(std::uint16_t to) : to_(to), thread_([this] { serve(); }) {}
    relay(const relay&) = delete;
    relay& operator=(const relay&) = delete;
    /// @pre no connection is open.
    ~relay() {
        is_over_ = true;
        connect_to(port()).close();
        thread_.join();
    }

    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
    /// To the byte that this side sends as the `at`-th: one of its bits changes, or both connections end before it.
    void harm_next_connection(side who, std::size_t at, harm how) {
        const std::lock_guard lock(mutex_);
        next_ = {who, at, how};
        is_done_ = false;
    }
    /// The same on the connection there is, to what the side sends next.
    void harm_next_bytes(side who, std::size_t at, harm how) {
        const std::lock_guard lock(mutex_);
        current_ = {who, sent_[static_cast<std::size_t>(who)].size() + at, how};
        is_done_ = false;
    }
    [[nodiscard]] bool has_harmed() {
        const std::lock_guard lock(mutex_);
        return is_done_;
    }
    /// What the side has sent on the last connection.
    [[nodiscard]] std::string sent(side who) {
        const std::lock_guard lock(mutex_);
        return sent_[static_cast<std::size_t>(who)];
    }

private:
    struct plan {
        side who;
        std::size_t at;
        harm how;
    };

    void serve() {
        for (;;) {
            raw_socket near = listener_.accept();
            if (is_over_) return;
            {
                const std::lock_guard lock(mutex_);
                current_ = std::exchange(next_, std::nullopt);
                sent_.fill("");
            }
            carry(near, connect_to(to_));
        }
    }
    void carry(raw_socket& near, raw_socket far) {
        std::array<pollfd, 2> both{{{near.fd(), POLLIN, 0}, {far.fd(), POLLIN, 0}}};
        for (int open = 2; open > 0;) {
            if (::poll(both.data(), both.size(), -1) < 0) continue; // a ring may interrupt any system call
            for (const side who : {side::client, side::server}) {
                pollfd& from = both[static_cast<std::size_t>(who)];
                if (from.fd < 0 || from.revents == 0) continue;
                const raw_socket& to = who == side::client ? far : near;
                std::string bytes(65536, '\0');
                const ssize_t got = ::recv(from.fd, bytes.data(), bytes.size(), 0);
                if (got < 0 && errno == EINTR) continue;
                if (got <= 0) {
                    to.half_close();
                    from.fd = -1;
                    --open;
                    continue;
                }
                bytes.resize(static_cast<std::size_t>(got));
                const std::optional<harm> end = pass(who, bytes);
                to.send(bytes);
                if (!end) continue;
                for (raw_socket* const each : {&near, &far})
                    *end == harm::reset ? each->reset() : each->close();
                return;
            }
        }
    }
    // Harms the bytes if it is their turn. How both connections are to end behind what is left of them.
    std::optional<harm> pass(side who, std::string& bytes) {
        const std::lock_guard lock(mutex_);
        const std::optional<plan>& what = current_;
        std::string& before = sent_[static_cast<std::size_t>(who)];
        const std::size_t begin = before.size();
        before += bytes;
        if (!what || what->who != who || what->at < begin || what->at >= before.size()) return std::nullopt;
        is_done_ = true;
        if (what->how == harm::flip) {
            bytes[what->at - begin] ^= static_cast<char>(1 << what->at % 8);
            return std::nullopt;
        }
        bytes.resize(what->at - begin);
        return what->how;
    }

    raw_listener listener_;
    std::uint16_t to_;
    std::atomic<bool> is_over_ = false;
    std::mutex mutex_;            // guards what follows
    std::optional<plan> next_;    // of the next connection
    std::optional<plan> current_; // of the one there is
    bool is_done_ = false;
    std::array<std::string, 2> sent_;
    std::thread thread_;
};

/// What becomes of a bit that changes in a byte of TLS (RFC 8446, section 5).
enum class fate : std::uint8_t {
    noticed, ///< when it arrives
    awaited, ///< it says how much is to come, and that never comes
    ignored, ///< TLS vouches for nothing there
};

/// Only what is not encrypted has more than one fate: heads of records and lengths of messages are part of it.
std::vector<fate> fates(std::string_view sent) {
    constexpr std::size_t head = 5, message_head = 4;
    constexpr char change_cipher_spec = 20, application_data = 23;
    std::vector<fate> all(sent.size(), fate::noticed);
    for (std::size_t at = 0; at + head <= sent.size();) {
        const auto byte = [&](std::size_t i) -> std::size_t {
            return static_cast<unsigned char>(sent[at + i]);
        };
        const std::size_t length = byte(3) << 8U | byte(4);
        const bool is_open = sent[at] != application_data;
        const bool says_nothing = sent[at] == change_cipher_spec;
        for (std::size_t i = 0; i < head + length && at + i < sent.size(); ++i) {
            fate& its = all[at + i];
            if (i == 3 || i == 4 || (is_open && i > head && i < head + message_head))
                its = fate::awaited;
            else if (is_open && (i < head || says_nothing))
                its = fate::ignored;
        }
        at += head + length;
    }
    return all;
}

/// A server and, for each case, a client on a loop of its own, so that nothing is left of the one before.
class Harm : public ::testing::TestWithParam<std::tuple<engine_kind, side>> {
protected:
    struct neighbours {
        explicit neighbours(engine_kind kind) : on(kind), with(*on.io) {}
        loop on;
        client with;
    };

    running_server& serve(bool is_tls) {
        std::optional<tls_server_settings> settings;
        if (is_tls) {
            settings.emplace();
            settings->certificate_pem = own.pem();
            settings->key_pem = own.key_pem();
        }
        server.emplace(kind, server_limits(), settings);
        between.emplace(server->port());
        return *server;
    }
    result<http::response> ask(neighbours& from, bool is_tls, http2_use http2, duration patience = 10s) {
        // Whom it talks to is not what is tried here, and reading whom to trust would take the most of the time.
        tls_settings anybody;
        anybody.verify = false;
        auto request = std::make_shared<http::request>();
        request->method = "POST";
        request->target = "/echo";
        request->body = "hello";
        exchange_limits limits(late());
        limits.connect = limits.first_byte = limits.gap = patience;
        const auto to =
            std::make_shared<endpoint>(origin{is_tls, "127.0.0.1", between->port()}, anybody, http2);
        // A connection of HTTP/2 at rest is work of the loop while it is being given up.
        return from.on.run(from.with.exchange(to, request, limits));
    }
    void expect_served(neighbours& from, bool is_tls, http2_use http2) {
        const result<http::response> got = ask(from, is_tls, http2);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "hello");
    }
    void expect_nothing_left(neighbours& from) {
        from.with = client(*from.on.io);
        from.on.drive();
        const engine_counters left = from.on.io->counters();
        EXPECT_EQ(left.open_streams, 0u);
        EXPECT_EQ(left.waiters, 0u);
        EXPECT_EQ(left.lent_buffers, 0u);
    }
    void TearDown() override {
        between.reset();
        server.reset(); // it checks that nothing of it is left
        EXPECT_EQ(open_descriptors(), before);
    }

    /// Ends the connection before each byte in turn, until one is no longer needed for the answer.
    void end_everywhere(bool is_tls, http2_use http2, harm how) {
        running_server& on = serve(is_tls);
        neighbours from(kind); // whose handshakes are short: sessions are resumed
        for (std::size_t at = 0;; ++at) {
            SCOPED_TRACE("before byte " + std::to_string(at));
            from.with = client(*from.on.io);
            between->harm_next_connection(who, at, how);
            const std::uint64_t handled = on.counters().requests;
            const result<http::response> got = ask(from, is_tls, http2);
            const bool is_over = !between->has_harmed();
            if (got) {
                EXPECT_EQ(got->body, "hello");
            } else {
                const errc why = got.error().kind();
                EXPECT_TRUE(why == errc::connect || why == errc::protocol) << got.error().message;
            }
            EXPECT_LE(on.counters().requests, handled + 1) << "it was sent twice";
            expect_served(from, is_tls, http2);
            if (HasFailure() || is_over) break;
        }
        expect_nothing_left(from);
    }

    const engine_kind kind = std::get<0>(GetParam());
    const side who = std::get<1>(GetParam());
    const support::identity own{"harm", "IP:127.0.0.1", nullptr};
    const std::size_t before = open_descriptors();
    std::optional<running_server> server;
    std::optional<relay> between;
};
std::string parameter_names(const ::testing::TestParamInfo<std::tuple<engine_kind, side>>& of) {
    const bool ring = std::get<0>(of.param) == engine_kind::uring;
    const bool is_clients = std::get<1>(of.param) == side::client;
    return std::string(ring ? "uring" : "epoll") + (is_clients ? "_clients" : "_servers");
}
INSTANTIATE_TEST_SUITE_P(Bytes, Harm,
                         ::testing::Combine(::testing::Values(engine_kind::uring, engine_kind::epoll),
                                            ::testing::Values(side::client, side::server)),
                         parameter_names);

TEST_P(Harm, ABitThatChangesUnderTls) {
    serve(true);
    {
        neighbours from(kind);
        expect_served(from, true, http2_use::off);
    }
    const std::vector<fate> usual = fates(between->sent(who));
    // Signatures make it a few bytes longer or shorter.
    const auto may_be_awaited = [&usual](std::size_t at) {
        constexpr std::size_t shift = 3;
        const auto begin =
            usual.begin() + static_cast<std::ptrdiff_t>(std::min(at - std::min(at, shift), usual.size()));
        const auto end = usual.begin() + static_cast<std::ptrdiff_t>(std::min(at + shift + 1, usual.size()));
        return std::find(begin, end, fate::awaited) != end;
    };
    for (std::size_t at = 0;; ++at) {
        SCOPED_TRACE("byte " + std::to_string(at));
        neighbours from(kind); // with no session to resume
        between->harm_next_connection(who, at, harm::flip);
        const bool may_wait = may_be_awaited(at);
        const result<http::response> got = ask(from, true, http2_use::off, may_wait ? 300ms : 10s);
        if (!between->has_harmed()) {
            EXPECT_TRUE(got) << got.error().message;
            EXPECT_GT(at, 300u) << "no handshake is that short";
            break;
        }
        if (got) {
            EXPECT_EQ(fates(between->sent(who)).at(at), fate::ignored) << "nobody noticed";
            EXPECT_EQ(got->body, "hello");
        } else {
            const errc why = got.error().kind();
            EXPECT_TRUE(why == errc::protocol || why == errc::connect || (may_wait && why == errc::timed_out))
                << got.error().message;
        }
        expect_served(from, true, http2_use::off);
        expect_nothing_left(from);
        if (HasFailure()) break;
    }
}

TEST_P(Harm, AnEndInHttp1) { end_everywhere(false, http2_use::off, harm::close); }
TEST_P(Harm, AResetInHttp1) { end_everywhere(false, http2_use::off, harm::reset); }
TEST_P(Harm, AnEndInHttp2) { end_everywhere(false, http2_use::prior_knowledge, harm::close); }
TEST_P(Harm, AResetInHttp2) { end_everywhere(false, http2_use::prior_knowledge, harm::reset); }
TEST_P(Harm, AnEndInHttp1UnderTls) { end_everywhere(true, http2_use::off, harm::close); }
TEST_P(Harm, AResetInHttp2UnderTls) { end_everywhere(true, http2_use::automatic, harm::reset); }

class HarmedAnswer : public Harm {};
INSTANTIATE_TEST_SUITE_P(Bytes, HarmedAnswer,
                         ::testing::Combine(::testing::Values(engine_kind::uring, engine_kind::epoll),
                                            ::testing::Values(side::server)),
                         parameter_names);

// The server has acted on the request, also where its connection had rested before.
TEST_P(HarmedAnswer, IsNotAskedForAgain) {
    for (const http2_use http2 : {http2_use::off, http2_use::automatic}) {
        between.reset();
        running_server& on = serve(true);
        neighbours from(kind);
        expect_served(from, true, http2);
        constexpr std::size_t inside = 20; // of the answer's record
        between->harm_next_bytes(side::server, inside, harm::flip);
        const std::uint64_t handled = on.counters().requests;
        const result<http::response> got = ask(from, true, http2);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::connect) << got.error().message;
        EXPECT_EQ(on.counters().requests, handled + 1);
        EXPECT_TRUE(between->has_harmed());
        expect_served(from, true, http2);
        expect_nothing_left(from);
    }
}

} // namespace
} // namespace modelmesh::net::testing
